"""A texture of any size as a picture."""

from __future__ import annotations

import pathlib

from gan_jax.data.disk import open_file, path_of
from gan_jax.errors import InputError
from gan_jax.models.texture import TextureGenerator
from gan_jax.runtime.images import save_png
from gan_jax.sampling.drawing import Source
from gan_jax.sampling.textures import sample_texture


def draw_texture(
    source: Source,
    size: tuple[int, int],
    out: str | pathlib.Path,
    *,
    number: int | None = None,
    seamless: bool = False,
) -> str:
    """Writes a texture as PNG, in grey or colour like the training images; says what was drawn.

    Args:
        source: a run of a texture GAN, and the seed.
        size: (height, width) in pixels.
        out: NAME.png.
        number: which texture of several, from 0; None: the seed chooses.
        seamless: whether opposite edges meet.

    Raises:
        InputError: another name, a run of another kind, no such texture, a place that cannot be
            written to, or see `Source.open`.
    """
    if path_of(out).suffix.lower() != ".png":
        raise InputError(f"--out '{out}': --draw writes one picture; give NAME.png.")
    drawing = source.open()
    generator = drawing.trained.gan.generator
    if not isinstance(generator, TextureGenerator):
        height, width, _ = drawing.image_shape
        raise InputError(
            f"'{source.workdir}' draws images of {height}x{width} only: --draw needs the run of a "
            "texture GAN, such as of configs/texture_folder.py. Use --export for others."
        )
    out = open_file(out, "--out")
    picture = sample_texture(
        generator, drawing.trained.ema, size, seed=drawing.seed, texture=number, wrap=seamless
    )
    save_png(out, picture)
    return (
        f"{size[0]}x{size[1]} pixels (height x width), checkpoint {drawing.trained.step:,}, seed "
        f"{drawing.seed}: {out}"
    )
