"""Local binary patterns: a diagnostic, and not a score, as it hardly sees contrast or rotation.

Ojala, Pietikäinen & Mäenpää, "Multiresolution gray-scale and rotation invariant texture
classification with local binary patterns", 2002: P = 8 points on a circle of R = 1, interpolated
bilinearly, uniform patterns, rotation invariant (LBP^riu2, equation 9).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gan_jax.metrics.texture.statistics import TextureStatistics, blocks, check_images, grey_images

_POINTS = 8
_PIXELS = 2**20  # at a time

# cos 45 degrees to the five digits that scikit-image keeps, and the weights of bilinear
# interpolation in units of 1e-10: of the two pixels beside the centre, and of the diagonal one.
_COSINE = 70_711
_BESIDE = (100_000 - _COSINE) * _COSINE
_ACROSS = _COSINE**2


def binary_patterns(images: ArrayLike) -> TextureStatistics:
    """Shares of the ten rotation-invariant uniform patterns; each row sums to 1.

    Of images uint8 [n, h, w, c], at least 3x3. A point of the circle is set if it is no darker than
    the pixel in the middle. 'lbp_k' for k = 0 to 8 are patterns of k set points side by side,
    'lbp_other' all others: as `method="uniform"` of scikit-image's `local_binary_pattern`. Pixels
    on the edge are not counted. Grey values are rounded to 0..255 and compared in integers, so ties
    are ties on every device.
    """
    images = check_images(images, least_side=3)
    height, width = images.shape[1:3]
    tile = max(1, min(256, _PIXELS // (height * width)))
    counts = []
    for block, count in blocks(images, tile):
        grey = np.rint(grey_images(block) * 255).astype(np.int32)
        counts.append(np.asarray(_count_patterns(grey))[:count])
    names = (*(f"lbp_{k}" for k in range(_POINTS + 1)), "lbp_other")
    values = np.concatenate(counts).astype(np.float64) / ((height - 2) * (width - 2))
    return TextureStatistics(names, values)


@jax.jit
def _count_patterns(grey):
    """Counts int32 [n, 10] of grey int32 [n, h, w]."""
    height, width = grey.shape[1:]
    centre = grey[:, 1:-1, 1:-1]

    def beyond(down: int, right: int):
        rows, columns = slice(1 + down, height - 1 + down), slice(1 + right, width - 1 + right)
        return grey[:, rows, columns] - centre

    def diagonal(down: int, right: int):
        return _is_set(beyond(down, 0) + beyond(0, right), beyond(down, right))

    circle = (
        beyond(0, 1) >= 0,
        diagonal(-1, 1),
        beyond(-1, 0) >= 0,
        diagonal(-1, -1),
        beyond(0, -1) >= 0,
        diagonal(1, -1),
        beyond(1, 0) >= 0,
        diagonal(1, 1),
    )
    changes = sum((a != b).astype(jnp.int32) for a, b in zip(circle, circle[1:] + circle[:1]))
    number = sum(point.astype(jnp.int32) for point in circle)
    number = jnp.where(changes <= 2, number, _POINTS + 1)
    return jnp.stack([jnp.sum(number == k, axis=(1, 2)) for k in range(_POINTS + 2)], axis=1)


def _is_set(beside, across):
    """Whether the interpolated difference to the centre is >= 0, exactly, in int32.

    The weights do not fit into 32 bits, so each is split into 65536 high + low.
    """
    high = beside * (_BESIDE >> 16) + across * (_ACROSS >> 16)
    low = beside * (_BESIDE & 0xFFFF) + across * (_ACROSS & 0xFFFF)
    return high + (low >> 16) >= 0
