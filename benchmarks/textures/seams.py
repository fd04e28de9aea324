"""Does a texture that was drawn in tiles show where they meet?

Crops across the borders of tiles are compared with crops from the middles of tiles by the
statistics that textures are judged by. Where nothing shows they are crops of one texture, and the
distance is as good as its floor.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.errors import InputError
from gan_jax.extractors.common import checked_images
from gan_jax.judging.textures.suite import TextureJudgement, judge_textures
from gan_jax.metrics.texture.headline import HEADLINE

_MIDDLE = (0, 0)
_ACROSS = ((0, 1), (1, 0), (1, 1))  # a border left and right, one above and below, a corner


class SeamCrops(NamedTuple):
    """Square crops of textures in tiles.

    Attributes:
        inside: uint8 [m, crop, crop, c], from the middle of each tile.
        across: uint8 [k, crop, crop, c], whose middle lies on a border, or on a corner of four.
    """

    inside: np.ndarray
    across: np.ndarray


def seam_crops(images: np.ndarray, tile: int, *, crop: int = 0) -> SeamCrops:
    """Cuts textures where their tiles meet, and where they do not.

    Crops across borders lie half a tile down, right, or both from those in the middle. So what
    repeats with a divisor of half a tile, such as the cells of a generator's noise, lies in all of
    them alike and is no seam.

    Args:
        images: uint8 [n, h, w, c], whose tiles begin at their first pixel; those that are cut off
            at the right and below give no crop from their middle.
        tile: side of a tile in pixels, even.
        crop: side of a crop in pixels, even and at most `tile`; 0 for half a tile, with which no
            crops overlap.

    Raises:
        InputError: another tile or crop, or images with less than two tiles a side.
    """
    images = checked_images(images)
    crop = crop or tile // 2
    if tile < 2 or tile % 2 or crop % 2 or not 2 <= crop <= tile:
        raise InputError(
            f"the tile is {tile} and the crop {crop} pixels; expected even numbers, and a crop "
            "from 2 pixels to a whole tile."
        )
    height, width = images.shape[1:3]
    if min(height, width) < 2 * tile:
        raise InputError(
            f"the images are {height}x{width} with tiles of {tile}; at least two tiles a side are "
            "needed to have borders. Draw a larger image or smaller tiles."
        )

    def cut(halves: tuple[int, int]) -> list[np.ndarray]:
        starts = [half * tile // 2 + (tile - crop) // 2 for half in halves]
        return [
            images[:, top : top + crop, left : left + crop]
            for top in range(starts[0], height - height % tile - crop + 1, tile)
            for left in range(starts[1], width - width % tile - crop + 1, tile)
        ]

    return SeamCrops(
        inside=np.concatenate(cut(_MIDDLE)),
        across=np.concatenate([part for halves in _ACROSS for part in cut(halves)]),
    )


def judge_seams(images: np.ndarray, tile: int, *, crop: int = 0, seed: int = 0) -> TextureJudgement:
    """Crops across borders against crops from the middles of tiles, by `texture_fd` and its parts.

    In 'metrics' the value is the distance of n crops across borders from n others, and the floor
    that of n crops from the middles from n others: where the value is not above the floor, no seam
    is seen.

    Args:
        images: uint8 [n, h, w, c], as for `seam_crops`; hundreds of tiles mean something.
        tile, crop: as for `seam_crops`; the crop at least 14.
        seed: of halves.

    Raises:
        InputError: as `seam_crops`; crops too small for the statistics or fewer than four inside.
    """
    crops = seam_crops(images, tile, crop=crop)
    return judge_textures(crops.inside, crops.across, families=HEADLINE, seed=seed)
