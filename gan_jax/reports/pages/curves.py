"""A GAN run's history as sections of its page: charts over training steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.reports import page
from gan_jax.reports.charts.basic import history_chart
from gan_jax.reports.charts.chart import BLUE, GREY, ORANGE
from gan_jax.reports.text import number

WATCHED = "watch/"  # numbers of an evaluator that no other chart shows
_TRAINING: tuple[tuple[str, str, dict[str, tuple[str, str]], dict[str, bool]], ...] = (
    ("Losses", "loss", {
        "loss/discriminator": ("discriminator", BLUE), "loss/generator": ("generator", ORANGE),
    }, {}),
    ("What the discriminator says", "mean logit", {
        "logits/real": ("of real images", GREY), "logits/fake": ("of generated", BLUE),
    }, {}),
    ("fd_semantic over time", "Fréchet distance", {
        "eval/fd_semantic": ("fd_semantic", BLUE), "eval/fd_semantic_floor": ("floor", GREY),
    }, {"log": True}),
    ("fd_texture over time", "Fréchet distance", {
        "eval/fd_texture": ("fd_texture", BLUE), "eval/fd_texture_floor": ("floor", GREY),
    }, {"log": True}),
    ("Confidence over time", "mean probability, %", {
        "eval/confidence": ("mean confidence", BLUE),
    }, {"percent": True}),
    ("Class agreement over time", "found as asked for, %", {
        "eval/class_agreement": ("share", BLUE),
    }, {"percent": True}),
)  # fmt: skip


def training_section(history: Sequence[dict[str, Any]]) -> str:
    """Losses, logits, distances, confidence, and whatever is logged as 'watch/name'.

    '' for a history without them.
    """
    charts = [
        history_chart(title, history, lines, ylabel=unit, **look)
        for title, unit, lines, look in _TRAINING
    ]
    watched = dict.fromkeys(name for row in history for name in row if name.startswith(WATCHED))
    for name in watched:
        own = name.removeprefix(WATCHED).replace("_", " ")
        title, line = f"{own.capitalize()} over time", {name: (own, BLUE)}
        charts.append(history_chart(title, history, line, ylabel=own))
    speeds = [row.get("time/images_per_second", math.nan) for row in history]
    speeds = [speed for speed in speeds if math.isfinite(speed)]
    speed = f" Median speed {number(np.median(speeds))} images/s." if speeds else ""
    return page.section(
        "Training",
        "Losses say whether the two networks stay in balance, not how good the images are: level "
        "and bounded is good, a discriminator loss at 0 is not. The Fréchet distances should fall "
        f"towards the dashed floor.{speed}",
        page.columns(*charts),
    )


def variety_section(history: Sequence[dict[str, Any]]) -> str:
    """The mode-collapse meter's curves; the class KL alone where the run had no meter."""
    lines = {"eval/class_kl": ("KL", BLUE)}
    classes = history_chart("Class mix over time", history, lines, ylabel="KL to real, nats")
    lines = {"eval/coverage": ("generated", BLUE), "eval/coverage_floor": ("real", GREY)}
    unit = "share of real images, %"
    coverage = history_chart("Coverage over time", history, lines, ylabel=unit, percent=True)
    lines = {"eval/vendi": ("generated", BLUE), "eval/vendi_real": ("real", GREY)}
    vendi = history_chart("Vendi score over time", history, lines, ylabel="images it amounts to")
    if not coverage:
        return page.section("Class mix", "0 is the mix of real images.", page.columns(classes))
    return page.section(
        "Has it collapsed?",
        "Coverage is the share of real images that have a generated one close by, the Vendi score "
        "how many different images the samples amount to: both should rise towards the dashed "
        "lines and stay there, and the class KL should fall to 0. Coverage near 0, a Vendi score "
        "near 1 and a KL at its highest are a generator that draws one thing. "
        f"{_warnings(history)}",
        page.columns(classes, coverage, vendi),
    )


def _warnings(history: Sequence[dict[str, Any]]) -> str:
    """Where the meter warned, in a sentence."""
    flag = "eval/collapsed"
    judged = [row for row in history if math.isfinite(row.get(flag, math.nan))]
    if not judged:
        return "The meter could not judge: it needs 50 images a side."
    groups = itertools.groupby(judged, lambda row: bool(row[flag]))
    spans = [[row["step"] for row in group] for warned, group in groups if warned]
    if not spans:
        return "The meter never warned."
    named = [
        f"steps {span[0]:,} to {span[-1]:,}" if len(span) > 1 else f"step {span[0]:,}"
        for span in spans
    ]
    return f"The meter warned at {', '.join(named)}."
