"""The page of a run of super-resolution: pictures side by side, and the table of contenders."""

from __future__ import annotations

import pathlib
from typing import Any

from gan_jax.reports import page
from gan_jax.reports.class_pictures import NamedRows
from gan_jax.reports.pages.curves import training_section
from gan_jax.reports.pages.pictures import named_rows
from gan_jax.reports.text import NONE, aligned, between, number
from gan_jax.reports.words import NOT_TOLD, TOO_FEW, Words, in_words

COLUMNS = {
    "psnr": "PSNR, dB (higher)",
    "ssim": "SSIM (higher)",
    "fd_texture": "fd_texture (lower)",
    "fd_semantic": "fd_semantic (lower)",
    "texture_fd": "texture_fd (lower)",
}
_RIVALS = ("bicubic", "pixel loss")
_OURS = "adversarial"


def verdict(content: dict[str, Any]) -> str:
    """What the judge says of the GAN's images, whether they are nearer to real ones, and the price.

    Nearer or farther than a rival is said only where the 95 % interval of the difference is on one
    side of 0.
    """
    price = _price(content)
    headline = content["headline"]
    if not headline:
        return f"{price} Without a judge nothing is known of the images as a set."
    beside = []
    if headline["verdict"] != TOO_FEW:
        beside = [text for rival in _RIVALS if (text := _beside(content, rival))]
    return " ".join([in_words(headline).verdict, *beside, price])


def _price(content: dict[str, Any]) -> str:
    gap = content["differences"]["pixel loss"]["psnr"]
    text = f"PSNR {content['contenders'][_OURS]['psnr']['value']:.2f} dB, "
    low, high = gap["ci"]
    if low <= 0 <= high:
        return f"{text}not clearly other than the pixel loss alone ({low:+.2f} to {high:+.2f} dB)."
    side = "below" if gap["value"] < 0 else "above"
    low, high = sorted((abs(low), abs(high)))
    return (
        f"{text}{abs(gap['value']):.2f} dB ({low:.2f} to {high:.2f}) {side} the pixel loss alone."
    )


def _beside(content: dict[str, Any], rival: str) -> str:
    interval = _distance_interval(content, rival)
    if interval is None:
        return ""
    if interval[1] < 0:
        return f"Nearer to real than {rival}."
    if interval[0] > 0:
        return f"Farther from real than {rival}."
    return f"Not clearly nearer to real than {rival}."


def _distance_interval(content: dict[str, Any], rival: str) -> list[float] | None:
    """Of our distance from real images less the rival's; of textures the widest that can be."""
    paired = content["differences"][rival].get("distance")
    if paired is not None:
        return paired["ci"]
    sides = [content["headlines"].get(name, {}).get("distance") for name in (_OURS, rival)]
    if None in sides:
        return None
    (low, high), (other_low, other_high) = (side["ci"] for side in sides)
    return [low - other_high, high - other_low]


def contenders_table(content: dict[str, Any]) -> list[list[str]]:
    """A heading and a row per contender, as text."""
    contenders, headlines = content["contenders"], content["headlines"]
    names = [name for name in COLUMNS if name in contenders[_OURS]]
    heading = ["", *(COLUMNS[name] for name in names)]
    size = headlines.get(_OURS, {}).get("size")
    if headlines:
        unit = f" ({size['damage']}, {size['unit']})" if size else ""
        heading.insert(1, f"as far from real as{unit}")
    rows = [heading]
    for contender, entries in contenders.items():
        size_cell = [_size_cell(headlines[contender])] if headlines else []
        rows.append([contender, *size_cell, *(_cell(name, entries[name]) for name in names)])
    floors = [number(contenders[_OURS][name].get("floor")) for name in names]
    rows.append(["real images against others", *([NONE] if headlines else []), *floors])
    return rows


def _cell(name: str, entry: dict[str, Any]) -> str:
    interval = f" ({between(entry['ci'])})" if entry.get("ci") else ""
    return number(entry["value"], 4 if name == "psnr" else 3) + interval


def _size_cell(headline: dict[str, Any]) -> str:
    size = headline.get("size")
    if headline["verdict"] == TOO_FEW:
        return "too few images"
    if size is None:
        return f"{headline['verdict']}, p = {headline['test']['p']:.2g}"
    if headline["verdict"] == NOT_TOLD:
        return f"not told, at most {size['high']:.2g}"
    if size["beyond"]:
        return f"more than {size['strength']:.2g}"
    return f"{size['strength']:.2g} ({size['low']:.2g} to {size['high']:.2g})"


def super_resolution_text(content: dict[str, Any]) -> str:
    """Flags, the table and the verdict for a terminal."""
    flags = [f"! {flag['text']}" for flag in content["flags"]]
    return "\n".join([*flags, *aligned(contenders_table(content)), verdict(content)])


def write_super_resolution_report(
    path: pathlib.Path, about: page.About, content: dict[str, Any], pictures: NamedRows
) -> None:
    """Writes the page as one HTML file that needs nothing else.

    Args:
        content: of eval.json.
        pictures: a row per way of enlarging.
    """
    protocol = content["protocol"]
    words = Words(
        verdict(content),
        f"{protocol['images']} held-out images of {protocol['reference']}, made small by an exact "
        "area average and enlarged again.",
        flags=[flag["text"] for flag in content["flags"]],
    )
    heads, *rows = contenders_table(content)
    sections = [
        page.section(
            "Side by side",
            "From above: what the networks were given, bicubic interpolation, the network with the "
            "pixel loss alone, the GAN, the original.",
            named_rows(pictures, "Held-out images", width=760),
        ),
        page.section(
            "Numbers",
            "PSNR and SSIM compare each image with its original: blurring is rewarded. The others "
            "compare the set with other held-out images: real ones with that damage, or at that "
            "distance, are as far from them. 'original' is what a perfect network would get. 95 % "
            "intervals in brackets are of each row by itself; two rows see the same images and are "
            "compared in the verdict.",
            page.table(heads, rows),
        ),
        training_section(about.history),
    ]
    page.compose(path, about, words, sections, protocol)
