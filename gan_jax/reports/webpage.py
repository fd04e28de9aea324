"""The parts of a self-contained HTML page: no file, font or script from anywhere else.

Functions that take text escape it; functions that take `content` expect HTML made here.
"""

from __future__ import annotations

import base64
import html
import io
import json
import math
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from gan_jax.data.disk import write_text
from gan_jax.errors import printable
from gan_jax.runtime.images import displayable, grid_columns, image_grid, png_bytes, to_pil

_GRID_BYTES = 420_000
_TILE_BYTES = 7_000
_CAPTION = 32  # characters a line

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2330; --muted: #5d6675; --line: #dde1e8;
  --paper: #f5f6f8; --card: #fff; --accent: #2b6cb0; --tint: 61 133 198; --bad: 221 122 47; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ec; --muted: #9aa3b2; --line: #333a46;
  --paper: #14171c; --card: #1c2027; --accent: #7fb3e6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 2px; }
h3 { font-size: .95rem; margin: 14px 0 8px; }
p { margin: 0 0 12px; max-width: 78ch; }
.verdict { font-size: 1.1rem; margin-bottom: 4px; max-width: none; overflow-wrap: anywhere; }
.flag { border-left: 4px solid rgb(var(--bad)); padding: 2px 12px; margin: 8px 0;
  font-weight: 600; max-width: none; }
.muted, figcaption { color: var(--muted); font-size: .875rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 18px 20px 20px; margin-top: 18px; }
section > p { color: var(--muted); font-size: .925rem; }
.figures { display: flex; flex-wrap: wrap; gap: 18px 14px; }
.columns { display: grid; gap: 22px; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); }
figure { margin: 0; }
figcaption { margin-top: 5px; line-height: 1.3; overflow-wrap: anywhere; }
figcaption b { color: var(--ink); font-weight: 600; }
.above { margin: 0 0 6px; }
img { max-width: 100%; height: auto; display: block; border-radius: 2px; }
img.crisp { image-rendering: pixelated; }
.chart { width: 100%; height: auto; display: block; color: var(--ink); }
.wide { overflow-x: auto; }
.wide > .chart { min-width: 640px; }
.numbers { display: grid; gap: 12px; margin-top: 18px;
  grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.numbers div { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 16px; }
.numbers b { display: block; font-size: 1.7rem; line-height: 1.2; font-weight: 650; }
.numbers span { color: var(--muted); font-size: .85rem; line-height: 1.3; display: block;
  overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .925rem; }
th, td { text-align: right; padding: 7px 12px; border-bottom: 1px solid var(--line);
  vertical-align: top; white-space: nowrap; }
thead th { color: var(--muted); font-weight: 500; font-size: .85rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: normal; }
td.text { white-space: normal; text-align: left; min-width: 180px; color: var(--muted);
  font-size: .875rem; }
tbody tr:last-child > * { border-bottom: 0; }
table.full { width: 100%; }
table.matrix { font-size: .85rem; }
table.matrix th, table.matrix td { padding: 5px 7px; border: 1px solid var(--card);
  text-align: center; min-width: 38px; }
table.matrix th { font-weight: 500; max-width: 9em; overflow: hidden; text-overflow: ellipsis; }
table.matrix th:first-child { text-align: right; }
.rows { display: grid; gap: 3px 10px; grid-template-columns: max-content auto;
  align-items: center; justify-content: start; font-size: .875rem; }
.neighbours { display: grid; gap: 16px 28px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 490px), 1fr)); }
.neighbours > div { display: flex; gap: 8px; align-items: flex-start; overflow-x: auto; }
.neighbours figure { flex: none; }
.neighbours figure:first-child { box-sizing: content-box; padding-right: 12px; margin-right: 4px;
  border-right: 2px solid var(--line); }
details > summary { cursor: pointer; color: var(--accent); }
pre { overflow-x: auto; font-size: .82rem; line-height: 1.45; margin: 10px 0 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0 0 12px;
  font-size: .9rem; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 760px) { table.full, table.full tbody, table.full td { display: block; }
  table.full thead { display: none; } table.full td { border: 0; padding: 2px 0; }
  table.full tr { display: block; padding: 10px 0; border-bottom: 1px solid var(--line); }
  table.full td[data-name] { display: flex; justify-content: space-between; min-width: 0; }
  table.full td[data-name]::before { content: attr(data-name); color: var(--muted); } }
@media (max-width: 560px) { main { padding: 16px 10px 40px; } section { padding: 14px 12px; }
  h1 { font-size: 1.35rem; } .numbers { grid-template-columns: 1fr 1fr; }
  .numbers b { font-size: 1.35rem; } dl { grid-template-columns: 1fr; } dd { margin-bottom: 6px; } }
@media print { section { break-inside: avoid; } }
"""


def escape(text) -> str:
    """Any value as text that is safe inside HTML, whatever bytes a name came from."""
    return html.escape("\n".join(map(printable, str(text).split("\n"))))


def number(value, digits: int = 3) -> str:
    """A number to `digits` significant digits, thousands grouped; '–' for None."""
    if value is None:
        return "–"
    value = float(value)
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.1e}" if decimals > 6 else f"{value:,.{decimals}f}"


def percentage(share) -> str:
    """A share in [0, 1] as a percentage with one decimal; '–' for None."""
    if share is None:
        return "–"
    return f"{100 * float(share):.1f} %" if math.isfinite(share) else "not finite"


def write_page(path, title: str, content: Sequence[str]) -> None:
    """Writes the page; the file appears whole or not at all. Empty parts are left out."""
    body = "\n".join(part for part in content if part)
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page)


def section(heading: str, explanation: str, *content: str) -> str:
    """A card: heading, one sentence on how to read it, and its content; '' without content."""
    content = "\n".join(part for part in content if part)
    lead = f"<p>{escape(explanation)}</p>" if explanation else ""
    return (
        f"<section>\n<h2>{escape(heading)}</h2>\n{lead}\n{content}\n</section>" if content else ""
    )


def header(
    title: str,
    verdict: str,
    note: str,
    numbers: Sequence[tuple[str, str]],
    *,
    flags: Sequence[str] = (),
) -> str:
    """The top of the page: what it is, what came out, and (value, meaning) pairs in large type.

    `flags` are what must be known before the rest: they stand above it, marked.
    """
    warnings = "".join(f'<p class="flag">{escape(text)}</p>' for text in flags)
    cells = "".join(f"<div><b>{escape(v)}</b><span>{escape(m)}</span></div>" for v, m in numbers)
    note = f'<p class="muted">{escape(note)}</p>' if note else ""
    row = f'<div class="numbers">{cells}</div>' if cells else ""
    top = f'<h1>{escape(title)}</h1>\n{warnings}<p class="verdict">{escape(verdict)}</p>\n{note}'
    return f"<header>\n{top}\n{row}\n</header>"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, full: bool = False) -> str:
    """A table of texts whose first cell names the row.

    A `full` one is as wide as the page, its last column is explanation, and on a narrow screen each
    row becomes a card with the column's name beside each value.
    """
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = []
    for first, *cells in rows:
        line = f"<td><b>{escape(first)}</b></td>"
        for i, (column, cell) in enumerate(zip(columns[1:], cells, strict=True)):
            style = ' class="text"' if full and i == len(cells) - 1 else ""
            line += f'<td{style} data-name="{escape(column)}">{escape(cell)}</td>'
        body.append(f"<tr>{line}</tr>")
    style = ' class="full"' if full else ""
    return (
        f'<div class="wide"><table{style}><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def facts(values: Mapping) -> str:
    """A list of names and values; values that are themselves mappings are spelled out."""
    items = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        elif isinstance(value, (list, tuple)):
            value = ", ".join(map(str, value))
        items.append(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>")
    return f"<dl>{''.join(items)}</dl>" if items else ""


def folded(summary: str, value) -> str:
    """Nested plain data as indented text that opens with a click."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"


def columns(*content: str) -> str:
    """Contents side by side where there is room, below one another where not."""
    content = [part for part in content if part]
    return f'<div class="columns">{"".join(content)}</div>' if content else ""


def tile(image, caption: str = "", *, size: int = 84) -> str:
    """One image uint8 [h, w, c] about `size` pixels wide, with text below: a bold line, the rest.

    Small images are magnified by a whole number and keep their sharp pixels.
    """
    image = displayable(image)
    largest = max(image.shape[:2])
    if largest > 2 * size:
        image = _shrunk(image[None], 2 * size / largest)[0]
        largest = max(image.shape[:2])
    scale = max(size // largest, 1) if largest <= size else size / largest
    width = round(image.shape[1] * scale)
    first, _, rest = (_clipped(line) for line in caption.partition("\n"))
    text = f"<b>{escape(first)}</b>" + (f"<br>{escape(rest)}" if rest else "")
    below = f"<figcaption>{text}</figcaption>" if caption else ""
    picture = _picture(image, width, caption.replace("\n", ", "), _TILE_BYTES, crisp=scale >= 1)
    style = f'style="width:{max(width, size)}px" title="{escape(caption)}"'
    return f"<figure {style}>{picture}{below}</figure>"


def tiles(images, captions: Sequence[str], *, size: int = 84) -> str:
    """Images uint8 [n, h, w, c] in a row that wraps, each with its caption."""
    shown = "".join(
        tile(image, text, size=size) for image, text in zip(images, captions, strict=True)
    )
    return f'<div class="figures">{shown}</div>'


def grid(images, title: str, *, columns: int | None = None, width: int = 520) -> str:
    """Images uint8 [n, h, w, c] as one picture at most `width` pixels wide, with a title above.

    Small images are magnified by a whole number; large ones are stored smaller, and as JPEG where
    PNG would make the page heavy.
    """
    images = displayable(images)
    columns = columns or grid_columns(images)
    place = width / columns - 2
    scale = max(int(place // images.shape[2]), 1)
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    images = _shrunk(images, min(2 * place / images.shape[2], 1.0))
    picture = image_grid(images, columns=columns, padding=2, background=128)
    above = f'<figcaption class="above"><b>{escape(title)}</b></figcaption>' if title else ""
    crisp = picture.shape[1] <= width
    shown = min(picture.shape[1], width)
    return f"<figure>{above}{_picture(picture, shown, title, _GRID_BYTES, crisp=crisp)}</figure>"


def rows(images, names: Sequence[str], title: str, *, width: int = 440) -> str:
    """Rows of images uint8 [k, m, h, w, c], the name of each beside it, with a title above."""
    count = images.shape[1]
    pictures = [grid(row, "", columns=count, width=width) for row in images]
    lines = "".join(
        f"<div>{escape(_clipped(name))}</div>{row}"
        for name, row in zip(names, pictures, strict=True)
    )
    above = f'<figcaption class="above"><b>{escape(title)}</b></figcaption>'
    return f'<figure>{above}<div class="rows">{lines}</div></figure>'


def heat_image(values: np.ndarray, title: str) -> str:
    """A matrix [k, k] of shares in [0, 1] as a picture: the darker the cell, the larger."""
    grey = np.round(255 * (1.0 - np.sqrt(np.clip(values, 0.0, 1.0)))).astype(np.uint8)
    return grid(grey[None, :, :, None], title, columns=1, width=640)


def _clipped(text: str) -> str:
    return text if len(text) <= _CAPTION else text[: _CAPTION - 1] + "…"


def _shrunk(images: np.ndarray, factor: float) -> np.ndarray:
    """Images [n, h, w, c] made smaller by averaging; unchanged for a factor of 1."""
    if factor >= 1.0:
        return images
    height, width = (max(round(side * factor), 1) for side in images.shape[1:3])
    small = [to_pil(i).resize((width, height), Image.Resampling.BOX) for i in images]
    return np.stack([np.asarray(i).reshape(height, width, -1) for i in small])


def _picture(image: np.ndarray, width: int, alt: str, budget: int, *, crisp: bool) -> str:
    style = ' class="crisp"' if crisp else ""
    return f'<img{style} width="{width}" alt="{escape(alt)}" src="{_data_uri(image, budget)}">'


def _data_uri(image: np.ndarray, budget: int) -> str:
    """PNG if it fits in `budget` bytes, else JPEG, coarser or smaller until it fits."""
    data, kind = png_bytes(image), "png"
    picture, quality = to_pil(image), 92
    while len(data) > budget and max(picture.size) > 8:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        data, kind = buffer.getvalue(), "jpeg"
        quality -= 12
        if quality < 50:
            picture, quality = picture.reduce(2), 80
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
