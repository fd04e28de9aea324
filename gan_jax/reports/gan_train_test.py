"""The page about GAN-train and GAN-test."""

from __future__ import annotations

import pathlib
from typing import Any

from gan_jax.reports import webpage
from gan_jax.reports.class_pictures import NamedRows
from gan_jax.reports.figures import interval_chart
from gan_jax.reports.gan_train_test_results import ARMS, verdict

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
        path: of the file.
        content: of gan_train_test.json.
        title: what was judged.
        generated, real: images, a row a class.
        environment: versions and device, name to value.
    """
    title = f"GAN-train and GAN-test of {title}"
    sections = [
        _header(content, title),
        webpage.section(
            "Notes", "", "".join(f"<p>{webpage.escape(text)}</p>" for text in content["notes"])
        ),
        _numbers(content),
        _classes(content),
        webpage.section(
            "Images and their labels",
            "What is learned from on either side, a row a label. Generated images are labelled by: "
            f"{content['protocol']['labelled_by']}.",
            webpage.columns(
                *(
                    webpage.rows(side.images, side.names, name)
                    for side, name in ((generated, "Generated"), (real, "Real"))
                )
            ),
        ),
        webpage.section(
            "Setup",
            "What to repeat to get this page again.",
            webpage.facts(environment),
            webpage.facts(content["protocol"]),
            webpage.folded("All numbers", content),
        ),
    ]
    webpage.write_page(path, title, sections)


def _header(content: dict[str, Any], title: str) -> str:
    found, protocol = content["metrics"], content["protocol"]
    count = len(protocol["seeds"])
    note = (
        f"{count} seed{'s' * (count > 1)}, {protocol['images']:,} images and "
        f"{protocol['steps']:,} steps for each training, {protocol['test_images']:,} real test "
        f"images. Labels: {protocol['labelled_by']}."
    )
    if protocol["labelled_by"].startswith("pseudo"):
        note += (
            " Pseudo-labels are another recogniser's opinion: GAN-test is then how far two "
            "recognisers agree, not whether images are what was asked for."
        )
    numbers = [(webpage.percentage(found[arm]["value"]), _NAMES[arm]) for arm in ARMS]
    return webpage.header(title, verdict(content), note, numbers)


def _numbers(content: dict[str, Any]) -> str:
    found = content["metrics"]
    seeds = content["protocol"]["seeds"]
    rows = []
    for arm in ARMS:
        entry = found[arm]
        gap = entry.get("difference")
        rows.append(
            [
                _NAMES[arm],
                webpage.percentage(entry["value"]),
                _between(entry["ci"]),
                "–" if gap is None else f"{100 * gap['value']:+.2f}",
                "–" if gap is None else _between(gap["ci"], points=True),
                f"{entry['n']:,}",
                *map(webpage.percentage, entry["values"]),
            ]
        )
    low, high = found["baseline"]["interval_of_one_test"]
    chart = interval_chart(
        "Accuracy",
        [_NAMES[arm] for arm in ARMS],
        [100 * found[arm]["value"] for arm in ARMS],
        [ci and tuple(100 * end for end in ci) for ci in (found[arm]["ci"] for arm in ARMS)],
        xlabel="named correctly, %",
    )
    heads = ["", "accuracy", "95 % over seeds", "to the baseline, points", "95 %", "n tested"]
    return webpage.section(
        "Numbers",
        "From seed to seed differ the first weights, the order, the generated images and the "
        "choice of real ones; differences are within a seed. Not in these intervals: the chance of "
        f"the test images (of one baseline {webpage.percentage(low)} to "
        f"{webpage.percentage(high)}), and what training the GAN again would change.",
        f"<p>{webpage.escape(_RELATION)}</p>",
        webpage.columns(chart),
        webpage.table([*heads, *(f"seed {seed}" for seed in seeds)], rows),
    )


def _classes(content: dict[str, Any]) -> str:
    rows = []
    for name, part in content["classes"].items():
        cells = []
        for arm in ARMS:
            cells += [webpage.percentage(part[arm]["value"]), _between(part[arm]["ci"])]
        rows.append([name, *cells])
    heads = [""]
    for arm in ("baseline", "GAN-train", "GAN-test"):
        heads += [arm, "95 %"]
    return webpage.section(
        "Each class",
        "The share of the images of a class, true or asked, that are named so; means over seeds.",
        webpage.table(heads, rows),
    )


def _between(ci: list[float] | None, *, points: bool = False) -> str:
    if ci is None:
        return "–"
    if points:
        return " to ".join(f"{100 * end:+.2f}" for end in ci)
    return " to ".join(webpage.percentage(end) for end in ci)
