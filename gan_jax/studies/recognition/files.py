"""The files of a recognition beside its report: a table of all images, pictures, a selection."""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.data.content import content_keys
from gan_jax.data.disk import new_file
from gan_jax.errors import printable
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.readings import Readings
from gan_jax.runtime.images import image_grid
from gan_jax.studies.recognition.selection import Selection

TABLE = "recognition.csv"
SELECTED = "selected.npz"
_SHOWN = 64
_FORMULA = ("=", "+", "-", "@")  # what spreadsheets take for one; a tab is written as \t


def write_table(
    path: pathlib.Path,
    recognisers: Sequence[Extractor],
    readings: Readings,
    *,
    files: Sequence[str] | None,
    labels: np.ndarray | None,
) -> None:
    """Writes a CSV file with a row for each image: label, confidence, each recogniser's answer.

    Names that a spreadsheet would compute, such as '=1+1', get an apostrophe in front.
    `recognisers` are in the order of the readings; `labels`, int [n], are the classes that the
    images were asked to be.
    """
    names = [_as_text(name) for name in recognisers[0].class_names]
    head = ["index"] + ["file"] * (files is not None) + ["asked"] * (labels is not None)
    head += ["label", "confidence", "agreement"]
    for pack in recognisers:
        head += [f"label {pack.stamp}", f"confidence {pack.stamp}"]
    largest = readings.probabilities.max(axis=-1)
    with new_file(path, text=True) as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for i in range(len(readings.labels)):
            row: list[Any] = [i]
            row += [_as_text(files[i])] if files is not None else []
            row += [names[labels[i]]] if labels is not None else []
            row += [names[readings.labels[i]], f"{readings.confidences[i]:.6f}"]
            row += [f"{readings.agreement[i]:.4f}"]
            for index in range(len(recognisers)):
                row += [names[readings.each[i, index]], f"{largest[index, i]:.6f}"]
            writer.writerow(row)


def _as_text(name: str) -> str:
    """A name in one line that spreadsheets show as it is."""
    name = printable(name)
    return f"'{name}" if name.startswith(_FORMULA) else name


def certainty_pictures(images: np.ndarray, readings: Readings) -> dict[str, np.ndarray]:
    """The images that the recognisers are surest and least sure of, as two grids by name.

    Between equal confidences content decides, not the order of the images.
    """
    order = np.lexsort((content_keys(images), -readings.confidences))
    return {
        "most_certain": image_grid(images[order[:_SHOWN]]),
        "least_certain": image_grid(images[order[::-1][:_SHOWN]]),
    }


def write_selected(
    path: pathlib.Path, images: np.ndarray, selection: Selection, names: tuple[str, ...]
) -> None:
    """Writes the selected images with the labels of the recogniser that chose them, as npz."""
    with new_file(path) as file:
        np.savez_compressed(
            file,
            images=images[selection.rows],
            labels=selection.labels.astype(np.int32),
            class_names=np.array(names),
        )
