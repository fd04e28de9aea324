"""From images to numbers to a report, at the end of a run."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_jax.config import num_final_samples
from gan_jax.data import Dataset, load
from gan_jax.data.disk import open_folder, read_json
from gan_jax.extractors.choice import open_extractors
from gan_jax.extractors.pack import Extractor
from gan_jax.judging.class_agreement import judge_asked, with_farthest
from gan_jax.judging.classification import Recognition
from gan_jax.judging.flags import chosen_flags
from gan_jax.judging.judge import Judge, Judgement, make_judge
from gan_jax.judging.layer_statistics import low_rank_warning
from gan_jax.judging.protocol import make_protocol
from gan_jax.judging.textures.families import divide_families
from gan_jax.judging.textures.headline import texture_headline
from gan_jax.judging.textures.page import make_report
from gan_jax.judging.textures.run import RunTextures, check_run, judge_run
from gan_jax.judging.unlabelled import judge_unlabelled
from gan_jax.metrics import class_histogram, nearest_neighbours
from gan_jax.reports.class_pictures import ClassPictures, picture
from gan_jax.reports.gan import GANReport, write_gan_report
from gan_jax.reports.influences import INFLUENCES, save_influences
from gan_jax.reports.numbers_first import SAME_COMMAND, Tell, expendable, judging, publish, quietly
from gan_jax.reports.recogniser import RecogniserReport, write_recogniser_report
from gan_jax.reports.textures import write_texture_report
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment
from gan_jax.runtime.images import image_grid, save_png
from gan_jax.runtime.logs import read_history
from gan_jax.sampling.classes import asked_labels, class_pictures
from gan_jax.sampling.generate import generate_images, interpolate, sample_latents
from gan_jax.sampling.trained import read_gan
from gan_jax.steps.state import GAN
from gan_jax.training.evaluate_super_resolution import evaluate_again
from gan_jax.training.frozen import in_the_loop, refuse_judges

_SHOWN_SAMPLES = 100
_PICTURE_COLUMNS = 10
_QUERIES = 8
_NEIGHBOURS = 4
_NEIGHBOUR_POOL = 20_000
_INTERPOLATION = 12
_BESIDE_TEXTURES = "recogniser.html"


def write_recogniser_results(
    workdir: pathlib.Path,
    *,
    extractor: Extractor,
    result: Recognition,
    test: Dataset,
    config: dict[str, Any],
    history: list[dict],
    environment: dict[str, str],
) -> None:
    """Writes eval.json and report.html of a recogniser's run."""
    page = workdir / folder.REPORT
    publish(
        workdir / folder.EVALUATION,
        {
            "metrics": {
                "accuracy": {"value": result.accuracy, "n": len(test)},
                "confusion": {"value": result.confusion.tolist(), "n": len(test)},
            },
            "protocol": make_protocol(
                {
                    "extractor": extractor.stamp,
                    "extractor_sha256": extractor.digest,
                    "step": history[-1]["step"] if history else 0,
                },
                seed=config["seed"],
                images=len(test),
                preprocessing=extractor.record["preprocessing"],
                reference=test,
            ),
        },
        page,
    )
    with expendable(folder.REPORT):
        wrong = np.flatnonzero(result.predictions != test.labels)
        write_recogniser_report(
            page,
            RecogniserReport(
                title=f"{extractor.stamp} on {test.name}",
                config=config,
                history=history,
                accuracy=result.accuracy,
                confusion=result.confusion,
                class_names=extractor.class_names,
                mistakes=test.take(wrong) if len(wrong) else None,
                mistake_labels=test.labels[wrong],
                mistake_predictions=result.predictions[wrong],
                layers=extractor.layer_statistics,
                layer_warning=low_rank_warning(extractor.layer_statistics),
                environment=environment,
            ),
        )


def evaluate_gan(
    out: pathlib.Path,
    *,
    config: dict[str, Any],
    gan: GAN,
    ema: Any,
    step: int,
    judge: Judge | None,
    train: Dataset,
    latents: np.ndarray,
    labels: np.ndarray | None = None,
    batch_size: int,
    history_of: pathlib.Path | None = None,
    others: Sequence[Judge] = (),
    families: Sequence[str] | None = None,
    held_out: Dataset,
    textures: bool = False,
    chosen: bool = False,
    tell: Tell = quietly,
    again: str = "",
) -> None:
    """Writes eval.json, report.html and the last pictures of a GAN into `out`, in this order.

    Args:
        config: of the run, plain.
        gan: its static half.
        ema: the generator's averaged variables, on the host.
        step: that they are of.
        judge: or None, and then it is tested whether the images differ from real ones.
        train: the images it was trained on, for the nearest neighbours.
        latents: float [n, latent_dim]: what is judged.
        labels: int32 [n], the classes to draw, of a conditional GAN; None of others.
        batch_size: images a call.
        history_of: the run's folder, if it is not `out`.
        others: further judges, whose numbers stand under 'judges' in eval.json.
        families: of metrics, see `judging.suite`; None for all that can be computed. Those of
            `gan_jax.judging.textures.suite` may be among them.
        held_out: real images that it was not trained on.
        textures: whether to compare with these as textures too.
        chosen: whether `step` was chosen as the best by the same held-out images.
        tell: takes what eval.json holds before pictures and page are made.
        again: the command that makes these again; '' for that which judges `out`.
    """
    own_families, texture_families = divide_families(families)
    images = generate_images(gan.generator, ema, latents, labels=labels, batch_size=batch_size)
    judges = [judge, *others] if judge else []
    judgements = [
        judge_asked(by, images, labels, train, families=own_families, training=train, complete=True)
        for by in judges
    ]
    if not judgements and not textures:
        judgements = _unlabelled(images, held_out, train, batch_size)
    if chosen:
        rows = read_history(history_of or out)
        told = chosen_flags(sum("eval/fd_semantic" in row for row in rows))
        judgements = [dataclasses.replace(one, flags=(*told, *one.flags)) for one in judgements]
    if not parallel.is_main_process():
        return
    as_textures = None
    if textures and texture_families != []:
        as_textures = judge_run(
            images,
            held_out,
            train,
            gan.generator,
            ema,
            families=texture_families,
            extractor=judge.extractor if judge else None,
        )

    def draw() -> Drawn:
        if labels is None:
            walk = interpolate(latents[0], latents[1], _INTERPOLATION)
            strip = generate_images(gan.generator, ema, walk, batch_size=batch_size)
            shown = {
                "final": image_grid(images[:_SHOWN_SAMPLES]),
                "interpolation": image_grid(strip, columns=_INTERPOLATION),
            }
            return Drawn(shown, interpolation=strip)
        classes = class_pictures(gan, ema, train, latents, batch_size=batch_size)
        if judge is not None:
            classes = with_farthest(classes, judgements[0], judge, images, labels, train)
        shown = {"final": picture(classes.generated), "interpolation": picture(classes.within)}
        if classes.between is not None:
            shown["between_classes"] = picture(classes.between)
        return Drawn(shown, classes=classes)

    write_results(
        out,
        images=images,
        judge=judge,
        judgements=judgements,
        protocol={"step": step, **in_the_loop(history_of or out)},
        title=f"{config['model']['name']} on {train.name}",
        train=train,
        config=config,
        history=read_history(history_of or out),
        draw=draw,
        textures=as_textures,
        tell=tell,
        again=again or judging(out),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """What a GAN draws to be looked at.

    Attributes:
        pictures: uint8 [h, w, c] by the names of their files.
        interpolation: images uint8 [n, h, w, c] from one latent to another.
        classes: pictures of each class.
    """

    pictures: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    interpolation: np.ndarray | None = None
    classes: ClassPictures | None = None


def _unlabelled(
    images: np.ndarray, held_out: Dataset, train: Dataset, batch_size: int
) -> list[Judgement]:
    """What can be known without a recogniser; nothing of fewer than two images."""
    if min(len(images), len(held_out)) < 2:
        return []
    options = dict(training=train, batch_size=batch_size, textures=texture_headline)
    return [judge_unlabelled(images, held_out, **options)]


def write_results(
    out: pathlib.Path,
    *,
    images: np.ndarray,
    judge: Judge | None,
    judgements: Sequence[Judgement],
    protocol: dict[str, Any],
    title: str,
    train: Dataset | None,
    config: dict[str, Any],
    history: list[dict],
    draw: Callable[[], Drawn] = Drawn,
    textures: RunTextures | None = None,
    tell: Tell = quietly,
    again: str = SAME_COMMAND,
) -> None:
    """Writes eval.json, then the pictures, then the report; the latter two may fail.

    The first of `judgements` is that of `judge`, for the headline. With `textures` the report is
    the page about these, and the judge's, if there is one, goes to recogniser.html.

    Args:
        draw: gives the pictures that are not of `images`.
        tell: takes what eval.json holds before the rest is made.
        again: the command that makes the rest again.

    Raises:
        InputError: eval.json cannot be written; its content has been told.
    """
    content: dict[str, Any] = {"metrics": {}, "protocol": protocol | {"images": len(images)}}
    if judgements:
        parts = [one.content() for one in judgements]
        parts = [part | {"protocol": part["protocol"] | protocol} for part in parts]
        content = parts[0] | ({"judges": parts[1:]} if parts[1:] else {})
    result = content if textures is None else textures.added_to(content)
    page, other_page = out / folder.REPORT, out / _BESIDE_TEXTURES
    made = (page, out / INFLUENCES, *([] if textures is None else [other_page]))
    publish(out / folder.EVALUATION, result, *made, tell=tell)
    with expendable(INFLUENCES, again):
        save_influences(
            out, {one.protocol.get("extractor_sha256", ""): one.influences for one in judgements}
        )
    real, drawn = _real_images(judge, train), Drawn()
    with expendable(f"The pictures in {folder.SAMPLES}", again):
        drawn = draw()
        for name, shown in drawn.pictures.items():
            save_png(out / folder.SAMPLES / f"{name}.png", shown)
        for index, image in enumerate([] if textures is None else textures.large):
            save_png(out / folder.SAMPLES / f"large_{index}.png", image)
        _save_beside_real(out / folder.SAMPLES / "beside_real.png", images, real)
    if textures is None or judge is not None:
        place = page if textures is None else other_page
        with expendable(place.name, again):
            report = GANReport(
                title=title,
                config=config,
                history=history,
                evaluation=content,
                samples=images,
                real=real,
                interpolation=drawn.interpolation,
                class_pictures=drawn.classes,
                environment=describe_environment(),
            )
            _add_classes(report, judge, judgements)
            _add_neighbours(report, images, train)
            write_gan_report(place, report)
    if textures is not None:
        with expendable(page.name, again):
            texture_report = make_report(
                title,
                result,
                textures.judgement,
                textures.real,
                textures.samples,
                large=textures.large,
                history=history,
                config=config,
            )
            write_texture_report(page, texture_report)


def _save_beside_real(path: pathlib.Path, images: np.ndarray, real: np.ndarray | None) -> None:
    """Generated images at the left, real ones at the right, where both are of one shape."""
    if real is None or real.shape[1:] != images.shape[1:]:
        return
    pair = [image_grid(side[:_SHOWN_SAMPLES], columns=_PICTURE_COLUMNS) for side in (images, real)]
    gap = np.full((pair[0].shape[0], 12, pair[0].shape[2]), 255, np.uint8)
    if pair[0].shape == pair[1].shape:
        save_png(path, np.concatenate([pair[0], gap, pair[1]], axis=1))


def _add_classes(report: GANReport, judge: Judge | None, judgements: Sequence[Judgement]) -> None:
    """What the judge reads in the images."""
    if judge is None or not judge.knows_classes:
        return
    probabilities = judgements[0].features.probabilities
    report.predictions = np.argmax(probabilities, -1)
    report.confidences = np.max(probabilities, -1)
    report.class_names = judge.extractor.class_names
    report.reference_counts = judge.reference_counts
    report.class_counts = class_histogram(report.predictions, len(report.class_names))


def _add_neighbours(report: GANReport, images: np.ndarray, train: Dataset | None) -> None:
    """The training images that are nearest to the first of `images`, by their pixels."""
    if train is None:
        return
    pool = train.take(train.draw(_NEIGHBOUR_POOL, seed=0))
    if pool.shape[1:] != images.shape[1:]:
        return
    queries = images[:_QUERIES]
    rows, distances = nearest_neighbours(
        queries.reshape(len(queries), -1) / 255.0,
        pool.reshape(len(pool), -1) / 255.0,
        k=min(_NEIGHBOURS, len(pool)),
    )
    report.neighbour_queries = queries
    report.neighbours = pool[rows]
    report.neighbour_distances = distances


def _real_images(judge: Judge | None, train: Dataset | None) -> np.ndarray | None:
    """Real images to show: the reference, or else the training images."""
    if judge is not None:
        return judge.images[:_SHOWN_SAMPLES]  # in the order of their content, a random one
    if train is not None:
        return train.take(train.draw(_SHOWN_SAMPLES, seed=0))
    return None


def evaluate_run(
    workdir: str | pathlib.Path,
    *,
    checkpoint: str = "latest",
    member: int | None = None,
    extractors: str = "",
    num_samples: int = 0,
    out: str | pathlib.Path | None = None,
    families: Sequence[str] | None = None,
    batch_size: int = 0,
    cache: str = "",
    textures: bool = False,
    tell: Tell = quietly,
) -> dict[str, Any]:
    """Judges a GAN's run again, and returns what eval.json then holds.

    Args:
        workdir: of the run.
        checkpoint: 'latest', 'best' or a step.
        member: of a run of several GANs, which one; see `gan_jax.sampling.trained.read_gan`.
        extractors: see `extractors.choice`; several with commas, the first for the headline;
            '' for the pack of the run's config.
        num_samples: how many images; 0 for as many as the config says.
        out: where eval.json and report.html go; None for the run's folder, or the member's in it.
        families: of metrics, see `gan_jax.judging.suite`; None for all that can be computed.
        batch_size: images a call; 0 for as many as the config says.
        cache: folder for statistics of references; '' for none.
        textures: whether to judge them as textures too, whatever the config says.
        tell: takes what eval.json holds before pictures and page are made.

    Raises:
        InputError: no such run, checkpoint or pack, or a folder that cannot be written to.
    """
    texture_families = divide_families(families)[1]
    trained = read_gan(workdir, checkpoint, member)
    config, gan = trained.config, trained.gan
    batch_size = batch_size or config.evaluation.batch_size
    home = trained.folder
    out = open_folder(out or home, "--out" if out else "--workdir")
    choices = extractors or config.judge.pack
    judges: list[Judge] = []
    textures = textures or config.evaluation.textures or bool(texture_families)
    reference = load(config.dataset, "test")
    if textures:
        check_run(reference)
    if choices:
        judges = [
            make_judge(extractor, reference, batch_size=batch_size, cache=cache)
            for extractor in open_extractors(choices, reference)
        ]
    count = num_samples or num_final_samples(config)
    refuse_judges(home, [judge.extractor for judge in judges])
    if gan.conditioning is not None:
        return evaluate_again(out, trained, judges[:1], count, batch_size, textures, tell)
    evaluate_gan(
        out,
        config=config.to_dict(),
        gan=gan,
        ema=trained.ema,
        step=trained.step,
        judge=judges[0] if judges else None,
        others=judges[1:],
        families=families,
        train=trained.train,
        latents=sample_latents(config.seed, count, gan.latent_dim),
        labels=asked_labels(gan, trained.train, seed=config.seed, count=count),
        batch_size=batch_size,
        history_of=home,
        held_out=reference,
        textures=textures,
        chosen=checkpoint == "best",
        tell=tell,
        again=SAME_COMMAND,
    )
    return read_json(out / folder.EVALUATION)
