"""Images from anywhere, as one kind of dataset and in one reproducible order.

The names below are loaded when they are first asked for: other rooms use small parts of this one.
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
    from gan_jax.data.loading import source_at as source_at
    from gan_jax.data.stacked import StackedSource as StackedSource

_WHERE = {
    "Dataset": "gan_jax.data.dataset",
    "StackedSource": "gan_jax.data.stacked",
    "batch_indices": "gan_jax.data.batches",
    "holds_photographs": "gan_jax.data.loading",
    "image_files": "gan_jax.data.loading",
    "load": "gan_jax.data.loading",
    "load_photographs": "gan_jax.data.loading",
    "read_images": "gan_jax.data.loading",
    "source_at": "gan_jax.data.loading",
    "stream_batches": "gan_jax.data.batches",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'gan_jax.data' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
