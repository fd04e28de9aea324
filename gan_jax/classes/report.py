"""A conditional GAN's sections of its page: classes in rows, and whether they are found."""

from __future__ import annotations

from typing import Any

from gan_jax.classes.pictures import ClassPictures
from gan_jax.reports import webpage

_MOST_CLASSES = 40


def samples_section(pictures: ClassPictures) -> str:
    """Generated and real images, a row a class."""
    sides = ((pictures.generated, "Generated"), (pictures.real, "Real"))
    return webpage.section(
        "Samples by class",
        "A row a class: on one side what was drawn when that class was asked for, on the other "
        "training images of it. The images of a column are drawn from one latent. Good: you could "
        "not tell which side is which, and columns share their style.",
        webpage.columns(*(webpage.rows(rows.images, rows.names, title) for rows, title in sides)),
    )


def agreement_section(entry: dict[str, Any]) -> str:
    """How often each class that was asked for is found, of eval.json's 'class_agreement'."""
    classes = entry.get("classes", {})
    rows = []
    for name in sorted(classes, key=lambda name: classes[name]["value"])[:_MOST_CLASSES]:
        part = classes[name]
        low, high = (webpage.percentage(end) for end in part["ci"])
        rows.append(
            [
                name,
                webpage.percentage(part["value"]),
                f"{low} to {high}",
                webpage.percentage(part.get("real")),
                f"{part['n']:,}",
                part["taken_for"] or "–",
            ]
        )
    if not rows:
        return ""
    heads = ["asked for", "found", "95 % interval", "of real images", "n", "else mostly read as"]
    return webpage.section(
        "The classes that were asked for",
        "How often the recogniser reads an image as the class that was asked for, least often "
        "first. Good: as often as it reads real images right.",
        webpage.table(heads, rows),
    )


def walks_section(pictures: ClassPictures) -> str:
    """Interpolation inside classes and between them."""
    within, between = pictures.within, pictures.between
    walks = [webpage.rows(within.images, within.names, "Inside a class", width=900)]
    if between is not None:
        walks.append(webpage.rows(between.images, between.names, "Between classes", width=900))
    return webpage.section(
        "From one latent to another, and from class to class",
        "Equal steps between two points of the generator's input inside a class; then between two "
        "classes with one latent kept. Good: shapes change gradually and every picture inside a "
        "class could be real.",
        *walks,
    )
