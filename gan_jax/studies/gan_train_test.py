"""GAN-train and GAN-test: can generated images stand in for real ones, and are they what they say?

GAN-train is the accuracy on real images of a recogniser that was trained on generated ones, the
classification accuracy score of Ravuri and Vinyals (2019). GAN-test is the accuracy on generated
images of one that was trained on real ones (Shmelkov et al. 2018, "How good is my GAN?", section
3). Both stand beside the real-data baseline: the same recogniser trained on as many real images for
as many steps.
"""

from __future__ import annotations

import pathlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.config.counts import count_steps
from gan_jax.config.saved import plain
from gan_jax.data import Dataset
from gan_jax.data.content import content_keys
from gan_jax.data.dataset import check_same_shape, check_test_labels
from gan_jax.data.disk import open_folder, read_json, write_json
from gan_jax.errors import InputError
from gan_jax.judging.overlap import independent_images
from gan_jax.reports.class_pictures import NamedRows
from gan_jax.reports.numbers_first import Tell, publish_result, quietly
from gan_jax.reports.pages.gan_train_test import write_gan_train_test_report
from gan_jax.reports.result import Result, make_protocol
from gan_jax.reports.seeds.gan_train_test import SeedResult, summarise_seeds
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment
from gan_jax.runtime.logs import say
from gan_jax.runtime.pixels import PREPROCESSING
from gan_jax.runtime.signals import StopSignal
from gan_jax.runtime.startup import enable_compilation_cache
from gan_jax.sampling.classes import MOST_ROWS
from gan_jax.studies.labelled import Experiment, Labelled
from gan_jax.training.fit_recogniser import FittedRecogniser, fit_recogniser

RESULT = "gan_train_test.json"
SEEDS = "seeds"
_SHOWN = 10
_MOST_SHARED = 0.1


def run_gan_train_test(
    experiment: Experiment,
    out: str | pathlib.Path,
    *,
    num_seeds: int = 3,
    num_images: int = 0,
    num_steps: int = 0,
    tell: Tell = quietly,
) -> dict[str, Any]:
    """Trains two recognisers for each seed, and returns the content of gan_train_test.json.

    Seeds that are done in `out` are not done again: the same command goes on after an interruption,
    and with more seeds.

    Args:
        experiment: the images, and the recognisers' config.
        out: where gan_train_test.json, report.html and a file for each seed go.
        num_seeds: how many, from seed 0 on; 3 or more for intervals that mean something.
        num_images: to train on, of either kind; 0 for as many as there are of both.
        num_steps: of each training; 0 for as many as the config asks for with so many images.
        tell: takes the content of gan_train_test.json before the page is made.

    Raises:
        InputError: numbers out of range, images that do not fit together, a test set that is not
            held out, or a folder with other results.
        Interrupted: SIGTERM or Ctrl-C; the seeds that were finished are kept.
    """
    if num_seeds < 1 or num_steps < 0:
        raise InputError(
            f"--seeds is {num_seeds} and --num_steps {num_steps}: expected 1 or more seeds, and "
            "steps above 0, or 0 for as many as the config asks for."
        )
    train, test = experiment.train, experiment.test
    train.require_classes()
    check_test_labels(test)
    check_same_shape(train, test, advice="bring them to one shape")
    count = _count(experiment, num_images)
    steps = num_steps or count_steps(experiment.config, count)
    train_images, test_images = (part.all_images() for part in (train, test))
    shared = check_held_out(test_images, train_images, test.name, "the real training images")
    protocol = _protocol(experiment, count, steps, shared)
    out = open_folder(out, "--out")
    results = _finished(out, num_seeds, protocol)
    enable_compilation_cache(experiment.config.compilation_cache)
    left = [seed for seed in range(num_seeds) if seed not in results]
    started, pictures = time.monotonic(), None
    with StopSignal() as stop:
        for done, seed in enumerate(left, start=1):
            say(f"Seed {seed}: two recognisers of {steps:,} steps on {count:,} images each")
            generated = experiment.draw(seed, count)
            pictures = pictures or generated
            results[seed] = _run_seed(experiment, generated, test_images, seed, steps, stop)
            write_json(_seed_file(out, seed), {"protocol": protocol, **results[seed].to_dict()})
            rest = (time.monotonic() - started) / done * (len(left) - done)
            say(f"Seed {seed} is done" + (f"; about {rest:.0f} s are left" if rest else ""))
    ordered = [results[seed] for seed in range(num_seeds)]
    tested = len(independent_images(test))
    found = summarise_seeds(ordered, experiment.class_names, independent=tested)
    more = {
        "classes": found["classes"],
        "seeds": [result.to_dict() for result in ordered],
        "notes": _notes(experiment, ordered, count, shared, tested),
    }
    result = Result(found["metrics"], protocol | {"seeds": list(range(num_seeds))}, more=more)

    def page(path: pathlib.Path) -> None:
        drawn = pictures or experiment.draw(0, count)
        write_gan_train_test_report(
            path,
            result.content(),
            title=experiment.title,
            generated=_rows(drawn, experiment.class_names),
            real=_rows(Labelled(train_images, train.class_labels), experiment.class_names),
            environment=describe_environment(),
        )

    return publish_result(out, result, file=RESULT, pages={folder.REPORT: page}, tell=tell)


def _run_seed(
    experiment: Experiment,
    generated: Labelled,
    test_images: np.ndarray,
    seed: int,
    steps: int,
    stop: StopSignal,
) -> SeedResult:
    """Both trainings of a seed; the real images are a random choice, as many as generated ones."""
    train, test, names = experiment.train, experiment.test, experiment.class_names
    images, labels = generated.images, generated.labels
    shared = check_held_out(test_images, images, test.name, "the generated images")
    rows = train.draw(len(images), seed=seed)
    options: dict[str, Any] = {"num_steps": steps, "seed": seed, "test": test, "stop": stop}

    def fit(images: np.ndarray, labels: np.ndarray) -> FittedRecogniser:
        return fit_recogniser(experiment.config, images, labels, len(names), **options)

    on_real = fit(train.take(rows), train.class_labels[rows])
    on_generated = fit(images, labels)
    drawn = Dataset("generated", "all", images, labels=labels, class_names=names)
    return SeedResult(
        seed=seed,
        baseline=on_real.tested.confusion,
        gan_train=on_generated.tested.confusion,
        gan_test=on_real.recognise(drawn).confusion,
        shared=shared,
    )


def check_held_out(test: np.ndarray, train: np.ndarray, name: str, source: str) -> int:
    """How many of the test images, uint8 [n, h, w, c], are in a training set too, to the pixel.

    Raises InputError, with the set's `name` and the training set's `source`, for more than a tenth.
    """
    shared = int(np.sum(np.isin(content_keys(test), content_keys(train))))
    if shared > _MOST_SHARED * len(test):
        raise InputError(
            f"{shared:,} of the {len(test):,} images of {name} are among {source}, to the last "
            "pixel: a test on them would measure memory. Give images that were held out."
        )
    return shared


def _count(experiment: Experiment, num_images: int) -> int:
    real, available = len(experiment.train), experiment.available
    most = real if available is None else min(real, available)
    if not 0 <= num_images <= most:
        raise InputError(
            f"--num_samples is {num_images}: the recognisers are trained on as many generated as "
            f"real images, of which there are {most:,} at most; give 1 to {most}, or 0 for all."
        )
    return num_images or most


def _protocol(experiment: Experiment, count: int, steps: int, shared: int) -> dict[str, Any]:
    """The protocol that all seeds share: only results of the same one may be averaged."""
    config = plain(experiment.config)
    kept = ("model", "optimizer", "augment", "label_smoothing", "ema_half_life", "batch_size")
    about = {
        **experiment.protocol,
        "labelled_by": experiment.labelled_by,
        "steps": steps,
        "recogniser": {name: config[name] for name in kept},
        "train": experiment.train.name,
        "train_fingerprint": experiment.train.fingerprint,
        "test_images": len(experiment.test),
        "test_images_in_train": shared,
    }
    return make_protocol(
        about,
        seed=about.get("seed"),
        images=count,
        preprocessing=PREPROCESSING,
        reference=experiment.test,
    )


def _seed_file(out: pathlib.Path, seed: int) -> pathlib.Path:
    return out / SEEDS / f"seed_{seed}.json"


def _finished(out: pathlib.Path, num_seeds: int, protocol: dict[str, Any]) -> dict[int, SeedResult]:
    """The seeds that are done in a folder, which is made; InputError for another experiment's."""
    (out / SEEDS).mkdir(exist_ok=True)
    found = {}
    for seed in range(num_seeds):
        path = _seed_file(out, seed)
        if not path.exists():
            continue
        saved = read_json(path)
        other = _other(saved.get("protocol", {}), protocol)
        if other:
            raise InputError(
                f"'{out}' holds seed {seed} of another experiment, with another "
                f"{', '.join(other)}: give another --out, or remove it to begin anew."
            )
        found[seed] = SeedResult.from_dict(saved)
    if found:
        say(f"Done before, in {out}: seed {', '.join(map(str, found))}")
    return found


def _other(saved: dict[str, Any], current: dict[str, Any]) -> list[str]:
    """The names of the entries that differ."""
    ignored = {"versions", "gan_jax", "run"}  # the weights have a hash of their own
    names = sorted((saved.keys() | current.keys()) - ignored)
    return [name for name in names if saved.get(name) != current.get(name)]


def _notes(
    experiment: Experiment, results: list[SeedResult], count: int, shared: int, tested: int
) -> list[str]:
    """The warnings that a reader needs before believing the numbers."""
    notes, batch = [], experiment.config.batch_size
    if len(results) < 3:
        notes.append(f"{len(results)} seed(s): 3 or more are wanted for an interval; see --seeds.")
    if count < batch:
        notes.append(f"{count:,} images are fewer than a batch of {batch}: it repeats them.")
    missing = np.flatnonzero(np.sum([result.gan_test for result in results], axis=(0, 2)) == 0)
    if len(missing):
        names = ", ".join(experiment.class_names[label] for label in missing[:10])
        notes.append(f"no generated image is labelled {names}: what learns from them misses these.")
    if tested < len(experiment.test):
        notes.append(
            f"the test images are crops that overlap: {tested:,} share nothing, and the "
            "interval of one test counts these alone. Intervals over seeds leave it out."
        )
    if shared:
        notes.append(f"{shared:,} test images are also real training images, to the last pixel.")
    copies = sum(result.shared for result in results)
    if copies:
        notes.append(f"{copies:,} generated images, over all seeds, are test images.")
    return notes


def _rows(labelled: Labelled, names: Sequence[str]) -> NamedRows:
    """A row of images for each of the first classes; white places where there are too few."""
    present = [int(label) for label in np.unique(labelled.labels)[:MOST_ROWS]]
    rows = np.full((len(present), _SHOWN, *labelled.images.shape[1:]), 255, np.uint8)
    for row, label in zip(rows, present, strict=True):
        images = labelled.images[labelled.labels == label][:_SHOWN]
        row[: len(images)] = images
    return NamedRows(tuple(str(names[label]) for label in present), rows)


def table_text(content: dict[str, Any]) -> str:
    """The numbers of gan_train_test.json as text, a line each."""
    lines = [f"{'':10}  accuracy  95 % interval over seeds  to the baseline  n tested"]
    for name, entry in content["metrics"].items():
        ci, gap = entry["ci"], entry.get("difference")
        between = "" if ci is None else f"{ci[0]:.2%} to {ci[1]:.2%}"
        beside = "" if gap is None else f"{100 * gap['value']:+.2f} points"
        lines.append(f"{name:10}  {entry['value']:8.2%}  {between:24}  {beside:15}  {entry['n']}")
    lines.append(f"labels: {content['protocol']['labelled_by']}")
    return "\n".join([*lines, *(f"note: {text}" for text in content["notes"])])
