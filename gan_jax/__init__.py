"""gan_jax: a GAN and a CNN that work for each other, in JAX and Flax.

`load_config` gives an experiment's config, `train` trains what it describes, `load` reads a trained
generator, `judge` judges images, `compare` compares runs. Each is loaded when first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_jax.run.api import compare as compare
    from gan_jax.run.api import judge as judge
    from gan_jax.run.api import load as load
    from gan_jax.run.api import load_config as load_config
    from gan_jax.run.api import train as train

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "judge", "load", "load_config", "train"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from gan_jax.run import api

        return getattr(api, name)
    raise AttributeError(f"module 'gan_jax' has no attribute {name!r}")
