"""The page about GAN-train and GAN-test."""

from __future__ import annotations

import functools
import itertools
import pathlib
from typing import Any

from gan_jax.reports import page
from gan_jax.reports.charts.basic import interval_chart
from gan_jax.reports.class_pictures import NamedRows
from gan_jax.reports.pages.pictures import both_sides
from gan_jax.reports.seeds.gan_train_test import ARMS, verdict
from gan_jax.reports.text import NONE, between, percentage, plural, points
from gan_jax.reports.words import Words

_NAMES = {
    "baseline": "real to real (baseline)",
    "gan_train": "GAN-train: generated to real",
    "gan_test": "GAN-test: real to generated",
}
_RELATION = (
    "GAN-train is low when the generated images lack quality or variety: what was not drawn cannot "
    "be learned from them, so it is near to recall. GAN-test asks of each image whether it is what "
    "its label says, however alike they are, so it is near to precision (Shmelkov et al. 2018, "
    "section 3; GAN-train is the classification accuracy score of Ravuri and Vinyals 2019). Good: "
    "both near the baseline. High GAN-test with low GAN-train is a generator of good images of "
    "little variety; GAN-test above the baseline, one that overfits."
)


def write_gan_train_test_report(
    path: pathlib.Path,
    content: dict[str, Any],
    *,
    title: str,
    generated: NamedRows,
    real: NamedRows,
    environment: dict[str, str],
) -> None:
    """Writes the page as one HTML file that needs nothing else.

    Args:
        content: of gan_train_test.json.
        generated, real: images, a row per class.
        environment: versions and device, name to value.
    """
    title = f"GAN-train and GAN-test of {title}"
    protocol = content["protocol"]
    sections = [
        page.section("Notes", "", page.paragraphs(content["notes"])),
        _numbers(content),
        _classes(content),
        page.section(
            "Images and their labels",
            "What is learned from on either side, a row per label. Labels of generated images: "
            f"{protocol['labelled_by']}.",
            both_sides(generated, real),
        ),
    ]
    about = page.About(title, environment=environment)
    page.compose(path, about, _words(content), sections, protocol, numbers=content)


def _words(content: dict[str, Any]) -> Words:
    protocol, metrics = content["protocol"], content["metrics"]
    note = (
        f"{plural(len(protocol['seeds']), 'seed')}, {protocol['images']:,} images and "
        f"{protocol['steps']:,} steps for each training, {protocol['test_images']:,} real test "
        f"images. Labels: {protocol['labelled_by']}."
    )
    if protocol["labelled_by"].startswith("pseudo"):
        note += (
            " Pseudo-labels are another recogniser's opinion: GAN-test is then how far two "
            "recognisers agree, not whether images are what was asked for."
        )
    numbers = [(percentage(metrics[arm]["value"]), _NAMES[arm]) for arm in ARMS]
    return Words(verdict(content), note, numbers)


def _numbers(content: dict[str, Any]) -> str:
    names, entries = list(_NAMES.values()), [content["metrics"][arm] for arm in _NAMES]
    form = functools.partial(points, decimals=2)
    rows = []
    for name, entry in zip(names, entries, strict=True):
        gap, beside = entry.get("difference"), [NONE, NONE]
        if gap is not None:
            beside = [form(gap["value"]), between(gap["ci"], form)]
        rows.append(
            [
                name,
                percentage(entry["value"]),
                between(entry["ci"], percentage),
                *beside,
                f"{entry['n']:,}",
                *map(percentage, entry["values"]),
            ]
        )
    chart = interval_chart(
        "Accuracy",
        names,
        [100 * entry["value"] for entry in entries],
        [entry["ci"] and tuple(100 * end for end in entry["ci"]) for entry in entries],
        xlabel="named correctly, %",
    )
    heads = ["", "accuracy", "95 % over seeds", "to the baseline, points", "95 %", "n tested"]
    heads += [f"seed {seed}" for seed in content["protocol"]["seeds"]]
    one_test = between(entries[0]["interval_of_one_test"], percentage)
    return page.section(
        "Numbers",
        "From seed to seed differ the first weights, the order, the generated images and the "
        "choice of real ones; differences are within a seed. Not in these intervals: the chance of "
        f"the test images (of one baseline {one_test}), and what training the GAN again would "
        "change.",
        page.paragraphs([_RELATION]),
        page.columns(chart),
        page.table(heads, rows),
    )


def _classes(content: dict[str, Any]) -> str:
    rows = []
    for name, part in content["classes"].items():
        cells = ([percentage(part[a]["value"]), between(part[a]["ci"], percentage)] for a in ARMS)
        rows.append([name, *itertools.chain(*cells)])
    return page.section(
        "Each class",
        "The share of the images of a class, true or asked, that are named so; means over seeds.",
        page.table(["", "baseline", "95 %", "GAN-train", "95 %", "GAN-test", "95 %"], rows),
    )
