"""What the command lines and `import gan_jax` call; `run` is loaded when it is first asked for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_jax.run.start import run as run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    if name == "run":
        from gan_jax.run.start import run

        return run
    raise AttributeError(f"module 'gan_jax.run' has no attribute {name!r}")
