"""The composer of pages, and their parts: HTML without a file, font or script from anywhere else.

A page is a list of sections between a headline and the set-up. Functions that take text escape it;
those that take `content` expect HTML made here.
"""

from __future__ import annotations

import dataclasses
import html
import importlib.resources
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gan_jax.data.disk import write_text
from gan_jax.errors import printable
from gan_jax.reports.words import Words


def escape(text) -> str:
    """Any value as text that is safe inside HTML, whatever bytes a name came from."""
    return html.escape("\n".join(map(printable, str(text).split("\n"))))


@dataclasses.dataclass(frozen=True, eq=False)
class About:
    """What a page is about: the base of what each page shows.

    Attributes:
        title: of the page.
        config: of the run, plain; {} where there is none.
        history: rows of the run's metrics.jsonl.
        environment: versions and device, name to value.
    """

    title: str
    _: dataclasses.KW_ONLY
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    history: Sequence[dict[str, Any]] = ()
    environment: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def compose(
    path,
    about: About,
    words: Words,
    sections: Iterable[str],
    *facts: Mapping[str, Any],
    numbers: Mapping[str, Any] | None = None,
    note: str = "",
) -> None:
    """Writes a page of a headline, sections and the set-up as one file that needs nothing else.

    Args:
        sections: in order; empty ones are left out.
        facts: protocol and the like, lists of names and values of the set-up.
        numbers: all of the JSON file that the page shows, folded into the set-up.
        note: a sentence more about the set-up.
    """
    setup = section(
        "Setup",
        f"What to repeat to get this page again. {note}".strip(),
        *map(list_of_facts, (about.environment, *facts)),
        folded("Full config", about.config) if about.config else "",
        folded("All numbers", numbers) if numbers else "",
    )
    write(path, about.title, [headline(about.title, words), *sections, setup])


def write(path, title: str, sections: Sequence[str]) -> None:
    """Writes sections as one page, whole or not at all. Empty ones are left out."""
    style = importlib.resources.files("gan_jax.reports").joinpath("page.css").read_text("utf-8")
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{_joined(sections)}\n</main>\n</body>\n</html>\n"
    )
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page)


def headline(title: str, words: Words) -> str:
    """The top of a page: what it is, what came out, and (value, meaning) pairs in large type.

    The flags, which must be known before the rest, stand above what came out.
    """
    flags = "".join(f'<p class="flag">{escape(text)}</p>' for text in words.flags)
    cells = [f"<div><b>{escape(v)}</b><span>{escape(m)}</span></div>" for v, m in words.numbers]
    note = f'<p class="muted">{escape(words.note)}</p>' if words.note else ""
    row = f'<div class="numbers">{"".join(cells)}</div>' if cells else ""
    top = f'<h1>{escape(title)}</h1>\n{flags}<p class="verdict">{escape(words.verdict)}</p>'
    return f"<header>\n{top}\n{note}\n{row}\n</header>"


def section(heading: str, explanation: str, *content: str) -> str:
    """A card: heading, one sentence on how to read it, and its content; '' without content."""
    inside = _joined(content)
    lead = f"<p>{escape(explanation)}</p>" if explanation else ""
    return f"<section>\n<h2>{escape(heading)}</h2>\n{lead}\n{inside}\n</section>" if inside else ""


def heading(text: str) -> str:
    """A heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def paragraphs(texts: Sequence[str], *, muted: bool = False) -> str:
    """Texts below one another; `muted` ones are small and grey."""
    style = ' class="muted"' if muted else ""
    return "".join(f"<p{style}>{escape(text)}</p>" for text in texts)


def bullets(texts: Sequence[str]) -> str:
    """A list of texts; '' without any."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, full: bool = False) -> str:
    """A table of texts whose first cell names the row; '' without rows.

    A `full` one is as wide as the page, its last column is explanation, and on a narrow screen each
    row becomes a card with the column's name beside each value.
    """
    if not rows:
        return ""
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


def matrix(corner: str, names: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]) -> str:
    """A table of small cells (text, CSS colour or ''): `names` head the columns and the rows."""
    head = "".join(f"<th>{escape(name)}</th>" for name in (corner, *names))
    body = []
    for name, row in zip(names, rows):  # further columns have no row of their own
        tints = (f' style="background:{colour}"' if colour else "" for _, colour in row)
        cells = (f"<td{tint}>{escape(text)}</td>" for tint, (text, _) in zip(tints, row))
        body.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    inside = f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
    return wide(f'<table class="matrix">{inside}</table>')


def list_of_facts(values: Mapping[str, Any]) -> str:
    """A list of names and values; values that are themselves mappings are spelled out."""
    items = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        elif isinstance(value, (list, tuple)):
            value = ", ".join(map(str, value))
        items.append(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>")
    return f"<dl>{''.join(items)}</dl>" if items else ""


def opened(summary: str, content: str, *, at_once: bool = False) -> str:
    """Content that opens with a click; `at_once`, it is open."""
    state = " open" if at_once else ""
    return f"<details{state}><summary>{escape(summary)}</summary>{content}</details>"


def folded(summary: str, value: Any) -> str:
    """Nested plain data as indented text that opens with a click."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return opened(summary, f"<pre>{escape(text)}</pre>")


def columns(*content: str) -> str:
    """Contents side by side where there is room, below one another where not."""
    return _group("columns", content)


def figures(*content: str) -> str:
    """Pictures in a row that wraps."""
    return _group("figures", content)


def wide(content: str) -> str:
    """A chart that scrolls sideways on a narrow screen."""
    return _group("wide", [content])


def neighbours(rows: Sequence[Sequence[str]]) -> str:
    """Rows of tiles; a line stands between the first of each and the others."""
    return _group("neighbours", [f"<div>{''.join(row)}</div>" for row in rows])


def titled(text: str, content: str) -> str:
    """Content below its own heading, as one piece for `columns`; '' without content."""
    return f"<div>{heading(text)}{content}</div>" if content else ""


def _group(style: str, content: Sequence[str]) -> str:
    inside = "".join(part for part in content if part)
    return f'<div class="{style}">{inside}</div>' if inside else ""


def _joined(parts: Sequence[str]) -> str:
    return "\n".join(part for part in parts if part)
