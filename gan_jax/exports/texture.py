"""A texture of any size as a picture."""

from __future__ import annotations

import pathlib
import re

from gan_jax.errors import InputError
from gan_jax.exports.generation import Source
from gan_jax.files import open_file, path_of
from gan_jax.images import save_png
from gan_jax.models.texture import TextureGenerator
from gan_jax.textures.sampling import sample_texture


def draw_texture(
    source: Source,
    size: str,
    out: str | pathlib.Path,
    *,
    number: int | None = None,
    seamless: bool = False,
) -> str:
    """Writes a texture as PNG, in grey or in colour as it was trained; says what was drawn.

    Args:
        source: a run of a texture GAN, and the seed.
        size: 'HEIGHTxWIDTH' in pixels.
        out: NAME.png.
        number: which texture of a generator that holds several, from 0; None: the seed chooses.
        seamless: whether opposite edges meet.

    Raises:
        InputError: another name or size, a run of another kind, a texture that it does not hold,
            a place that cannot be written to, or see `Source.open`.
    """
    sides = re.fullmatch(r"([1-9]\d{0,5})[xX×]([1-9]\d{0,5})", size.strip())
    if sides is None:
        raise InputError(f"--draw is '{size}'; expected HEIGHTxWIDTH in pixels, such as 512x768.")
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
    height, width = (int(side) for side in sides.groups())
    options = {"seed": drawing.seed, "texture": number, "wrap": seamless}
    save_png(out, sample_texture(generator, drawing.trained.ema, (height, width), **options))
    return (
        f"{height}x{width} pixels (height x width), checkpoint {drawing.trained.step:,}, seed "
        f"{drawing.seed}: {out}"
    )
