"""The packs that come with gan_jax, so that a number here and a number elsewhere are the same one.

    python -m gan_jax.extractors.released

lists them. Each is a pack's folder below `packs`, with a card of how it was made (`card.json`, see
`benchmarks.release`), and is never written to. Where a pack is expected, its name may stand.
"""

from __future__ import annotations

import functools
import os
import pathlib
import re
from typing import Any

from gan_jax.data import Dataset
from gan_jax.data.disk import path_of, read_json
from gan_jax.errors import InputError, nearest

PACKS = pathlib.Path(__file__).parent / "packs"
RECORD = "pack.json"
CARD = "card.json"
_SAME = {"stacked-v1": "mnist-v1"}  # the digit reader, which reads each channel of stacks


def released_names() -> tuple[str, ...]:
    """The names of the packs that come with gan_jax."""
    return tuple(sorted({path.parent.name for path in PACKS.glob(f"*/{RECORD}")} | set(_SAME)))


def is_released(choice: str | os.PathLike[str]) -> bool:
    """Whether this is the name of a pack that comes with gan_jax; './NAME' is a folder's."""
    return os.fspath(choice) in released_names()


def pack_place(choice: str | os.PathLike[str]) -> pathlib.Path:
    """The folder of a pack: that of a released one by its name, or the folder that is given.

    Raises:
        InputError: a word that is neither, and looks like a name.
    """
    if is_released(choice):
        return PACKS / _SAME.get(os.fspath(choice), os.fspath(choice))
    folder = path_of(choice)
    if re.fullmatch(r"[\w-]+-v\d+", os.fspath(choice)) and not folder.exists():
        raise InputError(
            f"the pack '{choice}' is neither a folder nor released: "
            f"{nearest(os.fspath(choice), released_names())}"
        )
    return folder


@functools.lru_cache
def card_of(name: str) -> dict[str, Any]:
    """What the card of a released pack says: data, licence, command, seeds, floors."""
    return read_json(pack_place(name) / CARD)


def pack_for(reference: Dataset) -> str:
    """The released pack for a reference, by its name or else by its content; '' if there is none.

    A set is known by its content if it has the images that a pack was trained on or tested with.
    """
    for name in released_names():
        card = card_of(name)
        known = card["stacked"] if name in _SAME else card["references"]
        if {reference.name, reference.name.partition(":")[0]} & set(known) and _takes(
            name, reference
        ):
            return name
    for name in released_names():
        if _takes(name, reference):
            splits = read_json(pack_place(name) / RECORD)["splits"]
            if reference.fingerprint in splits.values():
                return name
    return ""


def _takes(name: str, reference: Dataset) -> bool:
    shape = tuple(card_of(name)["image_shape"])
    return reference.image_shape[:2] == shape[:2] and (
        name in _SAME or reference.image_shape == shape
    )


def listing() -> str:
    """All released packs in words, a paragraph each."""
    return "\n\n".join(_described(name) for name in released_names())


def _described(name: str) -> str:
    card = card_of(name)
    stamp = f"{name}  (sha256 {card['sha256'][:8]}...)"
    if name in _SAME:
        return f"{stamp}\n  {_SAME[name]}, which reads each channel of an image by itself"
    accuracies = [f"{100 * seed['accuracy']:.2f}" for seed in card["seeds"]]
    floors = ", ".join(
        f"{metric} {floor['value']:.3g} (n = {floor['n']:,})"
        for metric, floor in card["floors"].items()
    )
    height, width, channels = card["image_shape"]
    rows = {
        "images": f"{height} x {width}, {channels} channel{'s' * (channels > 1)}",
        "classes": ", ".join(card["class_names"]),
        "data": card["data"],
        "licence": card["licence"],
        "accuracy": f"{card['accuracy']:.2%} of {card['num_test']:,} test images; three seeds: "
        f"{', '.join(accuracies)} %",
        "layers": ", ".join(f"{what}: {layer}" for what, layer in card["layers"].items()),
        "floors": floors,
        "gate": card["gate"],
        "made by": card["command"],
    }
    return "\n".join([stamp, *(f"  {what:<9} {text}" for what, text in rows.items())])


if __name__ == "__main__":
    print(listing())
