"""Which cells of each level of a texture's generator an image needs, and where they lie."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Span(NamedTuple):
    """Cells [start, stop) of a level along one axis; cell 0 begins at the image's first pixel."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """The number of cells."""
        return self.stop - self.start


def spans(side: int, levels: int, *, coarse: int = 1, refined: int = 0) -> tuple[Span, ...]:
    """The cells that an image of `side` pixels needs along one axis, a span for each level.

    Level l has cells of 2^(levels - l) pixels. Entry 0 is the noise, with the margin of the
    `coarse` convolutions of level 0; entry 1 is level 0 after them; entry l + 1 is level l. The
    last one is the image, with a margin of `refined` pixels. Pixel r of a level is made from the
    pixels floor((r - 1) / 2) to floor((r + 1) / 2) of the level below, by a kernel of 4 and a
    stride of 2.
    """
    found = [Span(-refined, side + refined)]
    for _ in range(levels):
        above = found[0]
        found.insert(0, Span((above.start - 1) // 2, -(-(above.stop + 1) // 2)))
    found.insert(0, Span(found[0].start - coarse, found[0].stop + coarse))
    return tuple(found)


def centres(span: Span, spacing: int) -> np.ndarray:
    """Positions in pixels of the centres of a level's cells of `spacing` pixels, float32."""
    return (np.arange(span.start, span.stop, dtype=np.float32) + np.float32(0.5)) * spacing
