"""One texture, or set of textures, against another: photographs, sets of images, samples."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.data import Dataset
from gan_jax.data.disk import open_folder
from gan_jax.errors import InputError
from gan_jax.extractors.choice import open_extractors
from gan_jax.extractors.extractor import Extractor
from gan_jax.judging.textures.crops import (
    Cutting,
    TextureSide,
    check_channels,
    crop_size,
    cut_crops,
    describe_crops,
    open_side,
    usual_split,
)
from gan_jax.judging.textures.families import check_texture_families
from gan_jax.judging.textures.page import make_report
from gan_jax.judging.textures.suite import TextureJudgement, judge_completely
from gan_jax.metrics.overlap import FEW_PICTURES, OVERLAPPING
from gan_jax.reports.flags import make_flag
from gan_jax.reports.numbers_first import Tell, no_empty_folder, publish_result, quietly
from gan_jax.reports.pages.textures import texture_verdict, write_texture_report
from gan_jax.reports.result import Result, make_protocol
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import library_versions

_FEW_PICTURES = 10
_AS_THEY_ARE = Cutting()


def evaluate_textures(
    samples: str,
    reference: str,
    out: str | pathlib.Path,
    *,
    reference_split: str = "",
    extractor: str = "",
    families: Sequence[str] | None = None,
    cutting: Cutting = _AS_THEY_ARE,
    tell: Tell = quietly,
) -> dict[str, Any]:
    """Compares one texture, or set of textures, with another; returns what eval.json then holds.

    Args:
        samples: a photograph's file, a folder of images, an npz or npy file, a folder of idx files,
            or a set's name. 'textures:brick' and 'procedural:stripes' name parts of those sets.
        reference: likewise, of real textures.
        out: where eval.json and report.html go.
        reference_split: 'train', 'test' or 'all'; '' for 'test' of a named set and 'all' of a file
            or folder.
        extractor: see `gan_jax.extractors.choice`; '' for none, which leaves out what needs one.
        families: of texture metrics, see `gan_jax.judging.textures.suite`; None for all.
        cutting: how both sides are cut into crops.
        tell: takes what eval.json holds before the page is made.

    Raises:
        InputError: images that cannot be read, do not fit together or are too few or too small, or
            a folder that cannot be written to.
    """
    check_texture_families(families or ())
    sides = (
        open_side(samples, "all", cutting),
        open_side(reference, reference_split or usual_split(reference), cutting),
    )
    check_channels(sides)
    size = crop_size(sides, cutting)
    images, real = (cut_crops(side, size, cutting) for side in sides)
    compared = [Dataset(side.name, side.split, crops) for side, crops in zip(sides, (images, real))]
    cnn = _open_cnn(extractor, compared[1])
    out = open_folder(out, "--out")
    cut = [_is_cut(side, crops) for side, crops in zip(sides, (images, real))]
    with no_empty_folder(out):
        judgement = judge_completely(
            real, images, extractor=cnn, families=families, seed=cutting.seed, crops=cut[0]
        )
    if cut[1]:
        judgement = _with_pictures_flag(judgement, sides[1], real)
    about = {
        "samples": sides[0].name,
        "samples_fingerprint": compared[0].fingerprint,
        "samples_pictures": len(sides[0].pictures.names),
        "reference_pictures": len(sides[1].pictures.names),
        "crop": f"{size[0]} x {size[1]}",
        "crops": describe_crops(sides, size, cutting),
        "grey": cutting.grey,
        **judgement.protocol,
        "versions": library_versions(),
    }
    protocol = make_protocol(
        about, seed=cutting.seed, images=len(images), preprocessing="uint8", reference=compared[1]
    )
    result = Result(judgement.metrics, protocol, judgement.headline, judgement.flags)

    def page(path: pathlib.Path) -> None:
        title = f"{sides[0].name} against {sides[1].name}"
        write_texture_report(path, make_report(title, result.content(), judgement, real, images))

    return publish_result(out, result, pages={folder.REPORT: page}, tell=tell)


def _open_cnn(choice: str, reference: Dataset) -> Extractor | None:
    if not choice:
        return None
    found = open_extractors(choice, reference)
    if len(found) > 1 or not isinstance(found[0], Extractor):
        raise InputError(
            f"--extractor={choice}: textures are judged by the feature maps of one CNN; give a "
            "pack's folder or random, or leave it out."
        )
    return found[0]


def _is_cut(side: TextureSide, crops: np.ndarray) -> bool:
    """Whether images may show the same piece of a picture, because they were cut out of it."""
    return len(crops) > len(side.pictures.names) or side.name.startswith("textures")


def _with_pictures_flag(
    judgement: TextureJudgement, side: TextureSide, crops: np.ndarray
) -> TextureJudgement:
    """What crops of few pictures cannot tell, unless it is said already."""
    pictures = len(side.pictures.names)
    said = not judgement.headline or any(flag["name"] == OVERLAPPING for flag in judgement.flags)
    if said or pictures >= min(_FEW_PICTURES, len(crops)):
        return judgement
    source = "one picture" if pictures == 1 else f"{pictures} pictures"
    text = (
        f"The real images are crops of {source}, counted as if they were independent: another part "
        "of the same picture may be told from them too."
    )
    return dataclasses.replace(judgement, flags=(*judgement.flags, make_flag(FEW_PICTURES, text)))


def evaluation_text(content: dict[str, Any]) -> str:
    """The lines below the table of numbers: what was compared, and why there is no headline."""
    protocol = content["protocol"]
    missing = "" if content.get("headline") else f"{texture_verdict(content)}\n"
    return (
        f"{missing}samples {protocol['samples']} ({protocol['images']} images), reference "
        f"{protocol['reference']} ({protocol['reference_split']}, {protocol['reference_images']} "
        f"images); {protocol['crop']}, {protocol['crops']}"
    )
