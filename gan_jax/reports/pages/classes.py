"""A conditional GAN's sections of its page: classes in rows, and whether they are found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan_jax.reports import page
from gan_jax.reports.class_pictures import ClassPictures
from gan_jax.reports.pages.pictures import both_sides, named_rows
from gan_jax.reports.text import NONE, between, percentage

_MOST_CLASSES = 40
_LEVEL = 0.05  # of p, corrected for the number of classes


def samples_section(pictures: ClassPictures) -> str:
    """Generated and real images, a row per class."""
    return page.section(
        "Samples by class",
        "A row per class: on one side what was drawn when that class was asked for, on the other "
        "training images of it. The images of a column are drawn from one latent. Good: you could "
        "not tell which side is which, and columns share their style.",
        both_sides(pictures.generated, pictures.real),
    )


def farthest_classes(entry: Mapping[str, Any]) -> list[str]:
    """Names of the classes whose distance is known, of eval.json's 'class_agreement'.

    Those that the test tells from real ones come first, and of either kind the farthest: by size,
    or by distance where a class has no size.
    """
    known = {k: part for k, part in entry.get("classes", {}).items() if part.get("distance")}
    sized = all(part["size"] for part in known.values())

    def rank(name: str) -> list[float]:
        part = known[name]
        far = [part["distance"]["value"]]
        if sized:
            far = [*_far(part["size"]), *far]
        return [not _is_told(part), *(-value for value in far)]

    return sorted(known, key=rank)


def farthest_text(entry: Mapping[str, Any]) -> str:
    """'Farthest from real: sandal (as 1.2 px of blur).', for a header; '' if that is not known."""
    names = farthest_classes(entry)
    if not names:
        return ""
    part = entry["classes"][names[0]]
    if not _is_told(part):
        return "No class can be told from real images of it."
    size = part["size"]
    if size is None:
        return f"Farthest from real: {names[0]}."
    broken = size["broken"]
    if broken is not None and broken["share"] < 1:
        much = f"real ones of which {percentage(broken['share'])} are in shuffled pieces"
    else:
        much = _damage(size)
    return f"Farthest from real: {names[0]} (as {much})."


def agreement_section(entry: Mapping[str, Any], pictures: ClassPictures | None = None) -> str:
    """How each class that was asked for came out, of eval.json's 'class_agreement'.

    With distances the farthest class comes first, and `pictures` may show it; else the one that is
    least often read as it was asked for.
    """
    classes = entry.get("classes", {})
    if not classes:
        return ""
    farthest = farthest_classes(entry)
    others = sorted(classes.keys() - set(farthest), key=lambda name: (classes[name]["value"], name))
    shown = [*farthest, *others][:_MOST_CLASSES]
    explanation = (
        "'Read as asked' is how often the recogniser agrees with the class that was asked for; it "
        "does not say how good the images look. Good: as often as it reads real images right."
    )
    rows = []
    for name in shown:
        part = classes[name]
        agreement = [
            f"{percentage(part['value'])} ({between(part['ci'], percentage)})",
            percentage(part.get("real")),
            part["taken_for"] or NONE,
        ]
        rows.append([name, *(_distance_cells(part) if farthest else []), *agreement, _n(part)])
    heads = ["asked for", "read as asked (95 %)", "real images", "else mostly read as", "n"]
    if farthest:
        heads[1:1] = ["as real ones in shuffled pieces", "or with", "p"]
        heads[-1] += ", real"
        explanation = (
            "Farthest first: real images of the class of which that share are in shuffled pieces, "
            "or all with that damage, are as far from real (95 % intervals). p is how often real "
            f"images of all classes would show one so different (Holm). {explanation}"
        )
    few = [name for name in others if "distance" in classes[name]] if farthest else []
    note = page.paragraphs([f"Too few images to test: {', '.join(few)}."]) if few else ""
    sides = ""
    if pictures is not None and pictures.farthest is not None:
        assert pictures.farthest_real is not None
        sides = both_sides(pictures.farthest, pictures.farthest_real)
    return page.section(
        "The classes that were asked for", explanation, sides, page.table(heads, rows), note
    )


def _is_told(part: Mapping[str, Any]) -> bool:
    return part["p"] <= _LEVEL


def _far(size: Mapping[str, Any]) -> list[float]:
    """The share of broken images, which levels off at 1, and the strength of damage."""
    broken = size["broken"]
    return [1.0 if broken is None else broken["share"], size["strength"]]


def _damage(size: Mapping[str, Any]) -> str:
    """'1.2 px of blur'."""
    more = "more than " if size["beyond"] else ""
    unit = "px of blur" if size["damage"] == "blur" else size["damage"]
    return f"{more}{size['strength']:.2g} {unit}"


def _distance_cells(part: Mapping[str, Any]) -> list[str]:
    if part.get("distance") is None:
        return [NONE] * 3
    size, broken = part["size"], part["size"] and part["size"]["broken"]
    cells = [NONE, NONE, f"{part['p']:.2g}"]
    if broken is not None:
        ends = between((broken["low"], broken["high"]), percentage)
        cells[0] = "all" if broken["share"] >= 1 else f"{percentage(broken['share'])} ({ends})"
    if size is not None:
        ends = "" if size["beyond"] else f" ({size['low']:.2g} to {size['high']:.2g})"
        cells[1] = f"{_damage(size)}{ends}"
    return cells


def _n(part: Mapping[str, Any]) -> str:
    real = part.get("n_real")
    return f"{part['n']:,}" if real is None else f"{part['n']:,}, {real:,}"


def walks_section(pictures: ClassPictures) -> str:
    """Interpolation inside classes and between them."""
    walks = [named_rows(pictures.within, "Inside a class", width=900)]
    if pictures.between is not None:
        walks.append(named_rows(pictures.between, "Between classes", width=900))
    return page.section(
        "From one latent to another, and from class to class",
        "Equal steps between two points of the generator's input inside a class; then between two "
        "classes with one latent kept. Good: shapes change gradually and every picture inside a "
        "class could be real.",
        *walks,
    )
