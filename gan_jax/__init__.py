"""gan_jax: a GAN and a CNN that work for each other, in JAX and Flax.

`judge` judges images in one call. It is loaded when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_jax.run.api import judge as judge

__version__ = "0.1.0"
__all__ = ["__version__", "judge"]


def __getattr__(name: str) -> Any:
    if name == "judge":
        from gan_jax.run import api

        return api.judge
    raise AttributeError(f"module 'gan_jax' has no attribute {name!r}")
