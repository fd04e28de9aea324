"""R3GAN on Fashion-MNIST: the recipe of configs/mnist_r3gan.py, data and judge of fashion_mnist.py.

    python train.py --config configs/fashion_mnist_r3gan.py

Its 20,000 steps were not run. docs/leaderboard.md has R3GAN at width 32 with one block per
resolution on the built-in digits.
"""

from configs import fashion_mnist, mnist_r3gan


def get_config():
    config = mnist_r3gan.get_config()
    fashion = fashion_mnist.get_config()
    config.dataset = fashion.dataset
    config.judge = fashion.judge
    config.num_steps = 20_000
    return config
