"""Moved to `gan_jax.content`; this stays until its importers have moved too."""

from gan_jax.content import content_keys, content_order, in_content_order

__all__ = ["content_keys", "content_order", "in_content_order"]
