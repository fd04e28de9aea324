"""The page of a run of super-resolution: pictures side by side, and the table of contenders."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np

from gan_jax.reports import webpage
from gan_jax.reports.curves import training_section

COLUMNS = {
    "psnr": "PSNR, dB (higher)",
    "ssim": "SSIM (higher)",
    "fd_texture": "fd_texture (lower)",
    "fd_semantic": "fd_semantic (lower)",
    "texture_fd": "texture_fd (lower)",
}
_DISTANCES = ("fd_texture", "texture_fd", "fd_semantic")
_RIVALS = ("bicubic", "pixel loss")
_OURS = "adversarial"


@dataclasses.dataclass(frozen=True, eq=False)
class SuperResolutionReport:
    """What the page shows.

    Attributes:
        title: its heading.
        content: of eval.json.
        pictures: uint8 [k, m, h, w, c], a row a way of enlarging.
        names: of the rows.
        config: of the run.
        history: rows of its log.
        environment: libraries and hardware.
    """

    title: str
    content: dict[str, Any]
    pictures: np.ndarray
    names: tuple[str, ...]
    config: dict[str, Any]
    history: list[dict]
    environment: dict[str, str]


def verdict(content: dict[str, Any]) -> str:
    """Whether the GAN's images are nearer to real ones as a set than its rivals', and the price."""
    contenders = content["contenders"]
    ours = contenders[_OURS]
    name = next((name for name in _DISTANCES if name in ours), None)
    cost = contenders["pixel loss"]["psnr"]["value"] - ours["psnr"]["value"]
    price = f"PSNR {ours['psnr']['value']:.2f} dB, {abs(cost):.2f} dB "
    price += f"{'below' if cost >= 0 else 'above'} the pixel loss alone"
    if name is None:
        return f"{price}; without a judge there is no distance of textures."
    value = ours[name]["value"]
    parts = []
    for rival in _RIVALS:
        other = contenders[rival][name]["value"]
        word = "better" if value < other else "not better"
        parts.append(f"{word} than {rival} ({webpage.number(other)})")
    return f"{name} {webpage.number(value)}: {', '.join(parts)}; {price}."


def contenders_table(content: dict[str, Any]) -> list[list[str]]:
    """A heading and a row a contender, as text."""
    contenders = content["contenders"]
    names = [name for name in COLUMNS if name in contenders[_OURS]]
    rows = [["", *(COLUMNS[name] for name in names)]]
    for contender, entries in contenders.items():
        cells = []
        for name in names:
            entry = entries[name]
            text = webpage.number(entry["value"], 4 if name == "psnr" else 3)
            if entry.get("ci"):
                low, high = entry["ci"]
                text += f" ({webpage.number(low)} to {webpage.number(high)})"
            cells.append(text)
        rows.append([contender, *cells])
    floors = [webpage.number(contenders[_OURS][name].get("floor")) for name in names]
    rows.append(["real images against others", *floors])
    return rows


def super_resolution_text(content: dict[str, Any]) -> str:
    """The table and the verdict for a terminal."""
    rows = contenders_table(content)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, verdict(content)])


def write_super_resolution_report(path: pathlib.Path, report: SuperResolutionReport) -> None:
    """Writes the page."""
    content = report.content
    heading, *rows = contenders_table(content)
    protocol = content["protocol"]
    webpage.write_page(
        path,
        report.title,
        [
            webpage.header(
                report.title,
                verdict(content),
                f"{protocol['images']} held-out images of {protocol['reference']}, made small by "
                "an exact area average and enlarged again.",
                [],
            ),
            webpage.section(
                "Side by side",
                "From above: what the networks were given, bicubic interpolation, the network with "
                "the pixel loss alone, the GAN, the original.",
                webpage.rows(report.pictures, report.names, "Held-out images", width=760),
            ),
            webpage.section(
                "Numbers",
                "PSNR and SSIM compare each image with its original: blurring is rewarded. The "
                "distances compare the set with other held-out images; 'original' is what a "
                "perfect network would get. 95 % intervals in brackets.",
                webpage.table(heading, rows),
            ),
            training_section(report.history),
            webpage.section(
                "Setup",
                "What to repeat to get this page again.",
                webpage.facts(report.environment),
                webpage.facts(protocol),
                webpage.folded("Full config", report.config),
            ),
        ],
    )
