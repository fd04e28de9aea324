"""Does the recipe need its exact numbers? 27 GANs: gamma and learning rate, three seeds each.

    python train.py --config configs/stability.py

The relativistic recipe of configs/recipes.py on the built-in digits, with networks of width 16:
{gamma / 4, gamma, 4 gamma} x {lr / 2, lr, 2 lr} x 3 seeds in one program. report.html has the table
and the curve of each.

docs/stability.md says what came out; this command makes its table:

    python -m benchmarks.members --runs runs/stability --name stability --write docs/stability.md
"""

from configs import recipes


def get_config():
    config = recipes.get_config("mnist5k.relativistic")
    config.model.width = 16
    gamma, learning_rate = config.r1_weight, config.generator_optimizer.learning_rate
    config.sweep.gamma = (gamma / 4, gamma, 4 * gamma)
    config.sweep.learning_rate = (learning_rate / 2, learning_rate, 2 * learning_rate)
    config.num_seeds = 3
    config.evaluation.every = config.num_steps // 2
    return config
