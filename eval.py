"""Judges a run of ours, or anybody's samples.

python eval.py --workdir runs/quickstart
python eval.py --samples DIR_OR_NPZ --reference mnist5k --extractor runs/cnn_mnist5k/pack --out DIR
python eval.py --texture --samples PHOTO_OR_SET --reference textures:brick --out DIR
python eval.py --recognise --workdir RUN --extractor PACK,PACK,PACK --out DIR
python eval.py --gan_train_test --workdir RUN --seeds 3 --out DIR
python eval.py --gate runs/cnn_mnist5k/pack --reference mnist5k
python eval.py --compare runs/* [--out DIR]
python eval.py --workdir runs/quickstart --export 10000 --out DIR_OR_FILE.npz
python eval.py --workdir runs/quickstart --walk walk.gif
python eval.py --workdir runs/texture_brick --draw 512x768 --out wall.png
python eval.py --workdir runs/super_resolution --enlarge DIR_OR_FILE --out DIR
python eval.py --workdir runs/quickstart --export_program digits.jax
"""

import json
import logging
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any

from absl import app, flags

_WORKDIR = flags.DEFINE_string("workdir", "", "A run of train.py, to judge it again.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", "latest", "With --workdir: 'latest', 'best' (by fd_semantic) or a step."
)
_MEMBER = flags.DEFINE_integer(
    "member", None, "With --workdir of a run of several seeds or a sweep: which GAN, from 0."
)
_NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples", 0, "With --workdir: images to generate; 0 for as many as its config says."
)
_SAMPLES = flags.DEFINE_string(
    "samples", "", "Images to judge: a folder of images, .npz, .npy, a folder of idx files."
)
_REFERENCE = flags.DEFINE_string(
    "reference", "", "Real images: like --samples, or a set's name such as mnist5k or tfds:mnist."
)
_REFERENCE_SPLIT = flags.DEFINE_enum(
    "reference_split",
    "test",
    ["train", "test", "all"],
    "Which part of --reference. Not given: its test part, or all of a set that has no parts of its "
    "own. Given: of such a set, the part that train.py would make (10 % held out).",
)
_EXTRACTOR = flags.DEFINE_string(
    "extractor",
    "",
    "The judge: a pack's folder, inception:WEIGHTS, inception-pytorch-fid:WEIGHTS, random[:SEED], "
    "pixels or pca[:K]. Several with commas: the first gives the headline.",
)
_METRICS = flags.DEFINE_list(
    "metrics",
    [],
    "Families of metrics with commas: frechet, fd_all, fd_infinity, kernel, classifier, modes, "
    "neighbours, vendi, sliced, copying. Default: all that can be computed.",
)
_TRAINING = flags.DEFINE_string(
    "training",
    "",
    "With --samples: what the generator was trained on, to find copies: its training part, or all "
    "of a set that has no parts.",
)
_STATISTICS = flags.DEFINE_string(
    "save_statistics", "", "With --samples: an npz file for mu and sigma of the reference."
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 0, "Images a call at most; fewer where memory is short."
)
_CACHE = flags.DEFINE_string(
    "cache", "~/.cache/gan_jax/statistics", "Folder for references' statistics; '' for none."
)
_TEXTURE = flags.DEFINE_bool(
    "texture",
    False,
    "Judge textures by statistics of their crops. With --samples and --reference: each a "
    "photograph's file, or a set; no --extractor is needed. With --workdir: beside the rest.",
)
_CROP = flags.DEFINE_integer(
    "crop",
    0,
    "With --texture: side in pixels of the square crops that all images are cut into; 0 compares "
    "sets as they are, and cuts photographs to the size of the other side, or to 64.",
)
_NUM_CROPS = flags.DEFINE_integer(
    "num_crops", 0, "With --texture: crops a side at random places; 0: a grid, none overlapping."
)
_GREY = flags.DEFINE_bool("grey", False, "With --texture: turn both sides to grey first.")
_SEED = flags.DEFINE_integer(
    "seed",
    0,
    "With --texture: of random crops and halves. With --export, --walk and --draw: of the latents; "
    "if not given, the run's own.",
)
_COMPARE = flags.DEFINE_bool(
    "compare", False, "Compare the runs whose folders follow: eval.py --compare runs/*."
)
_GATE = flags.DEFINE_string(
    "gate", "", "A pack to test: does it notice known damage to --reference? Stored in the pack."
)
_RESIZE = flags.DEFINE_string(
    "resize", "", "How to bring images to the extractor's size, such as crop_area; '': refuse."
)
_IMAGE_SIZE = flags.DEFINE_string(
    "image_size",
    "",
    "HEIGHTxWIDTH to bring images to, by --resize, where their own or the extractor's is not it.",
)
_RECOGNISE = flags.DEFINE_bool(
    "recognise",
    False,
    "With --workdir or --samples: read the images with the recognisers of --extractor (3 of "
    "different seeds): labels, confidence, agreement, calibration on --reference.",
)
_KEEP = flags.DEFINE_integer(
    "keep",
    0,
    "With --recognise: keep this many images that the first recogniser is surest of, and have the "
    "others judge them.",
)
_GAN_TRAIN_TEST = flags.DEFINE_bool(
    "gan_train_test",
    False,
    "With --workdir or --samples: train recognisers on generated images and test them on real "
    "ones, and the other way round. Their config is that of --extractor, or of the run's judge.",
)
_SEEDS = flags.DEFINE_integer("seeds", 3, "With --gan_train_test: how often, with other seeds.")
_NUM_STEPS = flags.DEFINE_integer(
    "num_steps", 0, "With --gan_train_test: of each recogniser; 0 for as many as its config says."
)
_EXPORT = flags.DEFINE_integer(
    "export",
    0,
    "With --workdir: write this many samples to --out, a new folder for PNGs or NAME.npz, with a "
    "JSON record of what made them.",
)
_TRUNCATION = flags.DEFINE_float(
    "truncation",
    None,
    "With --export and --walk: numbers of the latents beyond this one either way are drawn again "
    "until they are within, such as 0.7.",
)
_SELECT = flags.DEFINE_string(
    "select",
    "",
    "With --export: a pack whose CNN reads each sample; those it does not accept by "
    "--least_confidence or --as_asked are drawn again. It cannot judge the samples afterwards.",
)
_LEAST_CONFIDENCE = flags.DEFINE_float(
    "least_confidence", 0.0, "With --select: of the most probable class, such as 0.9."
)
_AS_ASKED = flags.DEFINE_bool(
    "as_asked", False, "With --select: that class must be the one the generator was asked for."
)
_ENLARGE = flags.DEFINE_string(
    "enlarge",
    "",
    "With --workdir of a run of super-resolution: an image, or a folder of images of any size, to "
    "enlarge into the folder --out.",
)
_DRAW = flags.DEFINE_string(
    "draw",
    "",
    "With --workdir of a texture GAN: draw a picture of HEIGHTxWIDTH pixels, such as 512x768, into "
    "--out=NAME.png.",
)
_TEXTURE_NUMBER = flags.DEFINE_integer(
    "texture_number", None, "With --draw: which texture of several, from 0; else the seed chooses."
)
_SEAMLESS = flags.DEFINE_bool(
    "seamless",
    False,
    "With --draw: opposite edges meet, so that the picture can be laid beside itself.",
)
_WALK = flags.DEFINE_string(
    "walk", "", "With --workdir: write walks through latent space as NAME.gif or NAME.mp4."
)
_FRAMES = flags.DEFINE_integer("frames", 120, "With --walk: frames of the loop.")
_FPS = flags.DEFINE_float("fps", 30.0, "With --walk: frames a second.")
_WALKS = flags.DEFINE_integer("walks", 16, "With --walk: how many side by side.")
_POINTS = flags.DEFINE_integer("points", 4, "With --walk: latents that each passes through.")
_PROGRAM = flags.DEFINE_string(
    "export_program",
    "",
    "With --workdir: write the generator, weights included, as one file for "
    "jax.export.deserialize, which needs nothing of this package.",
)
_OUT = flags.DEFINE_string("out", "", "Where eval.json and report.html go.")
_JSON = flags.DEFINE_bool("json", False, "Print eval.json instead of a table.")


def main(arguments: list[str]) -> None:
    logging.getLogger().setLevel(logging.WARNING)
    # Imported late here and below, so that --help and a mistyped flag answer at once.
    from gan_jax.errors import InputError
    from gan_jax.runtime.jobs import choose

    _expand_paths()
    own = flags.FLAGS.get_key_flags_for_module(__name__)
    job = choose({flag.name: flag.value for flag in own if flag.present})
    if arguments[1:] and job.source != "compare":
        raise InputError(f"'{arguments[1]}' is not understood; see python eval.py --help.")
    if job.source == "compare":
        _compare(arguments[1:])
    else:
        _ACTIONS[job.action or job.source]()


def _expand_paths() -> None:
    """`~` as the home folder in every flag that may name a path; without a home, no cache."""
    from gan_jax.data.disk import path_of
    from gan_jax.errors import InputError

    def expanded(found: re.Match[str]) -> str:
        return str(path_of(found[0]))

    if not _CACHE.present:
        try:
            path_of(_CACHE.value)
        except InputError:
            flags.FLAGS.cache = ""
    for flag in _PATHS:
        flags.FLAGS[flag.name].value = re.sub("^~.*", expanded, flag.value, flags=re.S)
    # Packs with commas, and inception:WEIGHTS.
    flags.FLAGS.extractor = re.sub(r"(?:^|(?<=[,:]))~[^,]*", expanded, _EXTRACTOR.value)


def _telling(text: Callable[[Any], str]) -> Callable[[Any], None]:
    """What prints numbers as soon as they are known, as a table or as they are in the JSON file."""

    def tell(content: Any) -> None:
        plain = content if isinstance(content, dict) else content.to_dict()
        print(json.dumps(plain, indent=1) if _JSON.value else text(content), flush=True)

    return tell


def _judge() -> None:
    from gan_jax.sampling.trained import result_folder

    if _WORKDIR.value:
        from gan_jax.training.evaluate_gan import evaluate_run

        evaluate_run(
            _WORKDIR.value,
            checkpoint=_CHECKPOINT.value,
            member=_MEMBER.value,
            extractors=_EXTRACTOR.value,
            num_samples=_NUM_SAMPLES.value,
            out=_OUT.value or None,
            families=_METRICS.value or None,
            batch_size=_BATCH_SIZE.value,
            cache=_CACHE.value,
            textures=_TEXTURE.value,
            tell=_telling(_judgement_text),
        )
    else:
        from gan_jax.runtime.cli import size_of
        from gan_jax.training.evaluate_samples import evaluate_samples

        evaluate_samples(
            _SAMPLES.value,
            _REFERENCE.value,
            _EXTRACTOR.value,
            _OUT.value,
            reference_split=_REFERENCE_SPLIT.value,
            divide=bool(_REFERENCE_SPLIT.present),
            announce=_announce,
            training=_TRAINING.value,
            families=_METRICS.value or None,
            resize=_RESIZE.value,
            image_size=size_of(_IMAGE_SIZE.value, "--image_size") if _IMAGE_SIZE.value else None,
            batch_size=_BATCH_SIZE.value or 500,
            cache=_CACHE.value,
            statistics=_STATISTICS.value,
            tell=_telling(_judgement_text),
        )
    _announce_report(_OUT.value or result_folder(_WORKDIR.value, _MEMBER.value))


def _judgement_text(result: dict[str, Any]) -> str:
    from gan_jax.reports.metric_table import metric_table
    from gan_jax.reports.textures import texture_verdict

    text = metric_table(result)
    if result["protocol"].get("task") == "super-resolution":
        from gan_jax.reports.super_resolution import super_resolution_text

        text = super_resolution_text(result)
    as_textures = result.get("textures", {}).get("headline")
    if as_textures is None or as_textures == result.get("headline"):
        return text
    return f"{text}\n{texture_verdict(result)}"


def _announce(line: str) -> None:
    print(line, file=sys.stderr)


def _announce_report(folder: str | pathlib.Path) -> None:
    page = pathlib.Path(folder) / "report.html"
    if page.exists():  # else a warning has said why not
        _announce(f"Report: {page}")


def _source():  # annotated it would be imported at once
    from gan_jax.sampling.generation import Source

    return Source(
        _WORKDIR.value,
        checkpoint=_CHECKPOINT.value,
        member=_MEMBER.value,
        seed=_SEED.value if _SEED.present else None,
        truncation=_TRUNCATION.value,
        batch_size=_BATCH_SIZE.value,
    )


def _export() -> None:
    from gan_jax.sampling.samples import export_samples

    selection = None
    if _SELECT.value:
        from gan_jax.sampling.selection import Selection

        selection = Selection(_SELECT.value, _LEAST_CONFIDENCE.value, _AS_ASKED.value)
    record = export_samples(_source(), _EXPORT.value, _OUT.value, selection)
    rate = record.get("selection", {}).get("acceptance_rate")
    accepted = "" if rate is None else f", {rate:.1%} of those drawn"
    print(f"{_EXPORT.value:,} samples{accepted}: {_OUT.value}")


def _draw() -> None:
    from gan_jax.runtime.cli import size_of
    from gan_jax.sampling.texture_of_size import draw_texture

    size = size_of(_DRAW.value, "--draw")
    options = {"number": _TEXTURE_NUMBER.value, "seamless": _SEAMLESS.value}
    print(draw_texture(_source(), size, _OUT.value, **options))


def _walk() -> None:
    from gan_jax.sampling.walk import write_walk

    options = {flag.name: flag.value for flag in (_FRAMES, _FPS, _WALKS, _POINTS)}
    write_walk(_source(), _WALK.value, **options)
    print(f"Walk: {_WALK.value}")


def _export_program() -> None:
    from gan_jax.sampling.program import export_program

    record = export_program(_source(), _PROGRAM.value)
    print(f"Program: {_PROGRAM.value}", record["read"], record["call"], record["takes"], sep="\n")


def _enlarge() -> None:
    from gan_jax.sampling.enlarge import enlarge_files

    options = {"checkpoint": _CHECKPOINT.value, "announce": _announce}
    record = enlarge_files(_WORKDIR.value, _ENLARGE.value, _OUT.value, **options)
    print(f"{record['images']:,} images enlarged x{record['factor']}: {_OUT.value}")


def _recognise() -> None:
    from gan_jax.errors import InputError
    from gan_jax.studies.recognise import recognise_run, recognise_samples
    from gan_jax.studies.results import recognition_table

    if _KEEP.present and _KEEP.value < 1:
        raise InputError(f"--keep is {_KEEP.value}; expected a number of images, 1 or more.")
    options = {
        "select": _KEEP.value,
        "batch_size": _BATCH_SIZE.value,
        "tell": _telling(recognition_table),
    }
    if _WORKDIR.value:
        recognise_run(
            _WORKDIR.value,
            _EXTRACTOR.value,
            _OUT.value,
            checkpoint=_CHECKPOINT.value,
            member=_MEMBER.value,
            num_samples=_NUM_SAMPLES.value,
            **options,
        )
    else:
        recognise_samples(
            _SAMPLES.value,
            _EXTRACTOR.value,
            _OUT.value,
            reference=_REFERENCE.value,
            reference_split=_REFERENCE_SPLIT.value,
            divide=bool(_REFERENCE_SPLIT.present),
            resize=_RESIZE.value,
            **options,
        )
    _announce_report(_OUT.value)


def _gan_train_test() -> None:
    from gan_jax.studies.gan_train_test import run_gan_train_test, table_text
    from gan_jax.studies.labelled import samples_of_files, samples_of_run

    if _WORKDIR.value:
        experiment = samples_of_run(
            _WORKDIR.value,
            _EXTRACTOR.value,
            checkpoint=_CHECKPOINT.value,
            member=_MEMBER.value,
            batch_size=_BATCH_SIZE.value,
        )
    else:
        experiment = samples_of_files(
            _SAMPLES.value, _EXTRACTOR.value, _REFERENCE.value, resize=_RESIZE.value
        )
    run_gan_train_test(
        experiment,
        _OUT.value,
        num_seeds=_SEEDS.value,
        num_images=_NUM_SAMPLES.value,
        num_steps=_NUM_STEPS.value,
        tell=_telling(table_text),
    )
    _announce_report(_OUT.value)


def _compare_textures() -> None:
    from gan_jax.judging.textures.crops import Cutting
    from gan_jax.judging.textures.evaluation import evaluate_textures, evaluation_text
    from gan_jax.reports.metric_table import metric_table

    def text(content: dict[str, Any]) -> str:
        return f"{metric_table(content)}\n{evaluation_text(content)}"

    evaluate_textures(
        _SAMPLES.value,
        _REFERENCE.value,
        _OUT.value,
        reference_split=_REFERENCE_SPLIT.value if _REFERENCE_SPLIT.present else "",
        extractor=_EXTRACTOR.value,
        families=_METRICS.value or None,
        cutting=Cutting(_CROP.value, _NUM_CROPS.value, _GREY.value, _SEED.value),
        tell=_telling(text),
    )
    _announce_report(_OUT.value)


def _compare(folders: list[str]) -> None:
    from gan_jax.data.disk import path_of
    from gan_jax.reports.comparison.report import compare_runs, comparison_table

    folders = [str(path_of(folder)) for folder in folders]
    compare_runs(folders, _OUT.value or None, tell=_telling(comparison_table))
    if _OUT.value:
        _announce_report(_OUT.value)


def _test_pack() -> None:
    from gan_jax.judging.gate import gate_pack, gate_table

    gate = gate_pack(
        _GATE.value,
        _REFERENCE.value,
        reference_split=_REFERENCE_SPLIT.value,
        divide=bool(_REFERENCE_SPLIT.present),
        resize=_RESIZE.value,
        announce=_announce,
    )
    print(gate_table(gate))


_PATHS = (
    _WORKDIR,
    _SAMPLES,
    _REFERENCE,
    _TRAINING,
    _STATISTICS,
    _CACHE,
    _GATE,
    _SELECT,
    _ENLARGE,
    _WALK,
    _PROGRAM,
    _OUT,
)
_ACTIONS = {
    "draw": _draw,
    "enlarge": _enlarge,
    "export": _export,
    "export_program": _export_program,
    "gan_train_test": _gan_train_test,
    "gate": _test_pack,
    "recognise": _recognise,
    "samples": _judge,
    "texture": _compare_textures,
    "walk": _walk,
    "workdir": _judge,
}


if __name__ == "__main__":
    from gan_jax.runtime.cli import run_main

    sys.exit(run_main(app, main, smaller="--batch_size or the number of images"))
