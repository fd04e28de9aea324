"""The recipes that docs/leaderboard.md puts side by side: equal images, equal judge, three seeds.

    python train.py --config configs/recipes.py:mnist5k.relativistic --workdir runs/relativistic

The name is SET.RECIPE: SET is one of `SETS` (data as in their configs), and RECIPE one of
`RECIPES`, those of `RECIPES_OF` being on the page. `python -m benchmarks.leaderboard` runs them all
and makes it. On one set all GANs see as many training images (`IMAGES`), whatever their batch size:
64,000 are 16 times the built-in digits, or all of Fashion-MNIST once. All but the article's GAN,
R3GAN and the texture GAN have the networks of configs/mnist5k_dcgan.py.
"""

from configs import (
    fashion_mnist,
    mnist,
    mnist5k_dcgan,
    mnist_r3gan,
    stacked_mnist_dcgan,
    texture_brick,
)

IMAGES = {
    "mnist5k": 64_000,
    "fashion_mnist": 64_000,
    "stacked_mnist": 128_000,
    "textures": 8_000,
}


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


def _texture(config):
    recipe = texture_brick.get_config()
    for field in ("model", "loss", "r1_weight", "r2_weight", "batch_size", "updates"):
        config[field] = recipe[field]
    config.generator_optimizer = recipe.generator_optimizer
    config.discriminator_optimizer = recipe.discriminator_optimizer


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
    "texture": _texture,
}
SETS = {
    "mnist5k": mnist5k_dcgan,
    "fashion_mnist": fashion_mnist,
    "stacked_mnist": stacked_mnist_dcgan,
    "textures": texture_brick,
}
JUDGES = {
    "mnist5k": "mnist-v1",
    "fashion_mnist": "fashion-v1",
    "stacked_mnist": "stacked-v1",
    "textures": "textures-v1",
}
_DIGITS = tuple(name for name in RECIPES if name != "texture")
RECIPES_OF = {
    "mnist5k": _DIGITS,
    "fashion_mnist": _DIGITS,
    "stacked_mnist": ("dcgan", "hinge_spectral", "r1", "relativistic"),
    "textures": ("dcgan", "relativistic", "texture"),
}


def get_config(name="mnist5k.relativistic"):
    dataset, _, recipe = name.partition(".")
    if dataset not in SETS or recipe not in RECIPES:
        raise ValueError(
            f"configs/recipes.py:{name}: expected SET.RECIPE, SET one of {', '.join(SETS)} and "
            f"RECIPE one of {', '.join(RECIPES)}."
        )
    config, own = mnist5k_dcgan.get_config(), SETS[dataset].get_config()
    config.dataset = own.dataset
    config.judge.pack = JUDGES[dataset]
    RECIPES[recipe](config)
    config.num_steps = IMAGES[dataset] // config.batch_size
    config.num_seeds = 3
    config.ema_half_life = 5_000.0
    config.evaluation.every = config.num_steps // 8
    config.evaluation.num_samples = 2_000
    config.evaluation.num_final_samples = own.evaluation.num_final_samples
    config.checkpoint.every = config.num_steps // 2
    return config
