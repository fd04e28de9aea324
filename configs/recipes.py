"""The recipes that docs/recipes.md puts side by side: equal images, equal judge, three seeds.

    python train.py --config configs/recipes.py:mnist5k.relativistic --workdir runs/relativistic

The name is SET.RECIPE: SET is mnist5k or fashion_mnist (data as in configs/fashion_mnist.py), and
RECIPE one of `RECIPES`. `python -m benchmarks.recipes` runs them all and makes the table. Each GAN
sees 64,000 training images (`IMAGES`), whatever its batch size: 16 times the built-in digits, or
all of Fashion-MNIST once. All but the article's GAN and R3GAN have the networks of
configs/mnist5k_dcgan.py.
"""

from configs import fashion_mnist, mnist, mnist5k_dcgan, mnist_r3gan, stacked_mnist_dcgan

IMAGES = {"mnist5k": 64_000, "fashion_mnist": 64_000, "stacked_mnist": 128_000}


def _article(config):
    recipe = mnist.get_config()
    for field in ("model", "batch_size", "generator_optimizer", "discriminator_optimizer"):
        config[field] = recipe[field]


def _dcgan(config):
    del config  # as it is


def _hinge_spectral(config):
    config.loss = "hinge"
    config.model.discriminator_norm = "spectral"
    _momenta(config, b1=0.0, b2=0.9)


def _r1(config):
    config.model.discriminator_norm = "none"
    config.r1_weight = 1.0


def _relativistic(config):
    config.loss = "relativistic"
    config.model.discriminator_norm = "none"
    config.r1_weight = config.r2_weight = 1.0
    _momenta(config, b1=0.0, b2=0.99)


def _projection(config):
    config.model.conditional = "projection"


def _relativistic_projection(config):
    _relativistic(config)
    config.model.conditional = "projection"


def _r3gan(config):
    recipe = mnist_r3gan.get_config()
    config.model = recipe.model
    config.model.width = 32
    config.model.blocks = 1
    config.updates = "simultaneous"
    _relativistic(config)


def _momenta(config, *, b1, b2):
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.b1, optimizer.b2 = b1, b2


RECIPES = {
    "article": _article,
    "dcgan": _dcgan,
    "hinge_spectral": _hinge_spectral,
    "r1": _r1,
    "relativistic": _relativistic,
    "projection": _projection,
    "relativistic_projection": _relativistic_projection,
    "r3gan": _r3gan,
}
SETS = {
    "mnist5k": mnist5k_dcgan,
    "fashion_mnist": fashion_mnist,
    "stacked_mnist": stacked_mnist_dcgan,
}


def get_config(name="mnist5k.relativistic"):
    dataset, _, recipe = name.partition(".")
    if dataset not in SETS or recipe not in RECIPES:
        raise ValueError(
            f"configs/recipes.py:{name}: expected SET.RECIPE, SET one of {', '.join(SETS)} and "
            f"RECIPE one of {', '.join(RECIPES)}."
        )
    config, own = mnist5k_dcgan.get_config(), SETS[dataset].get_config()
    config.dataset, config.judge = own.dataset, own.judge
    RECIPES[recipe](config)
    config.num_steps = IMAGES[dataset] // config.batch_size
    config.num_seeds = 3
    config.ema_half_life = 5_000.0
    config.evaluation.every = config.num_steps // 8
    config.evaluation.num_samples = 2_000
    config.evaluation.num_final_samples = own.evaluation.num_final_samples
    config.checkpoint.every = config.num_steps // 2
    return config
