"""Pages as a reader sees them."""

from __future__ import annotations

import base64
import html.parser
import io

import numpy as np
from PIL import Image

from gan_jax.reports.charts.basic import history_chart
from gan_jax.reports.charts.chart import BLUE


def random_images(n: int, height: int = 8, width: int = 6, channels: int = 1, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(n, height, width, channels), dtype=np.uint8)


def line_chart(
    title: str, label: str, steps, values, *, ylabel: str = "y", log: bool = False
) -> str:
    """The chart of one line."""
    history = [{"step": step, "a": value} for step, value in zip(steps, values, strict=True)]
    return history_chart(title, history, {"a": (label, BLUE)}, ylabel=ylabel, log=log)


class PageReader(html.parser.HTMLParser):
    """Collects text, addresses and pictures, and checks that tags are balanced."""

    _VOID = {"meta", "img", "br"}

    def __init__(self, page: str):
        super().__init__()
        self.open, self.text, self.addresses, self.tags = [], [], [], []
        self.feed(page)
        assert not self.open, f"never closed: {self.open}"
        self.text = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "href", "xlink:href")]
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    def pictures(self):
        data = [a.partition(",")[2] for a in self.addresses if a.startswith("data:image")]
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(d)))) for d in data]


def read_page(path) -> PageReader:
    """The page at `path`, which needs nothing else: no address, no script, no further file."""
    page = path.read_text(encoding="utf-8")
    reader = PageReader(page)
    assert all(a.startswith(("data:image", "#")) for a in reader.addresses)
    assert "http" not in page and "@import" not in page and "script" not in reader.tags
    assert len(page) < 3_000_000
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    return reader
