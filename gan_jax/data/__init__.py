"""Images from anywhere, as one kind of dataset and in one reproducible order.

What cannot be read raises `InputError`, which says what is wrong and how to mend it. The names
below are loaded when they are first asked for: other rooms use small parts of this one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_jax.data.batches import batch_indices as batch_indices
    from gan_jax.data.batches import stream_batches as stream_batches
    from gan_jax.data.dataset import Dataset as Dataset
    from gan_jax.data.loading import holds_photographs as holds_photographs
    from gan_jax.data.loading import image_files as image_files
    from gan_jax.data.loading import load as load
    from gan_jax.data.loading import load_photographs as load_photographs
    from gan_jax.data.loading import read_images as read_images
    from gan_jax.data.sources import ComposedSource as ComposedSource
    from gan_jax.data.stacked import StackedSource as StackedSource

_MODULES = {"Dataset": "dataset", "StackedSource": "stacked", "ComposedSource": "sources"}
_MODULES |= dict.fromkeys(["batch_indices", "stream_batches"], "batches")
_MODULES |= dict.fromkeys(
    ["holds_photographs", "image_files", "load", "load_photographs", "read_images"], "loading"
)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'gan_jax.data' has no attribute {name!r}")
    return getattr(importlib.import_module(f"gan_jax.data.{_MODULES[name]}"), name)
