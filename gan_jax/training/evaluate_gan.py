"""From images to numbers to a report, at the end of a run."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from gan_jax.config import num_final_samples
from gan_jax.config.saved import plain
from gan_jax.data import Dataset, load
from gan_jax.data.disk import open_folder, read_json
from gan_jax.extractors.choice import open_extractors
from gan_jax.judging.class_agreement import judge_by_each, with_farthest
from gan_jax.judging.flags import chosen_flags
from gan_jax.judging.judge import Judge, make_judge
from gan_jax.judging.overlap import independent_images
from gan_jax.judging.textures.families import divide_families
from gan_jax.judging.textures.headline import texture_headline
from gan_jax.judging.textures.run import check_run, judge_run
from gan_jax.judging.unlabelled import judge_unlabelled
from gan_jax.reports.class_pictures import picture
from gan_jax.reports.numbers_first import SAME_COMMAND, Tell, command_to_judge, quietly
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.images import image_grid
from gan_jax.runtime.logs import read_history
from gan_jax.sampling.classes import asked_labels, class_pictures
from gan_jax.sampling.generate import generate_images, interpolate, sample_latents
from gan_jax.sampling.trained import TrainedGAN, read_gan
from gan_jax.training.enlarged import hold_out
from gan_jax.training.evaluate_super_resolution import evaluate_super_resolution, read_pixel
from gan_jax.training.frozen import in_the_loop, refuse_judges
from gan_jax.training.image_results import SHOWN_SAMPLES, Drawn, write_results

_INTERPOLATION = 12


def evaluate_gan(
    out: pathlib.Path,
    *,
    trained: TrainedGAN,
    judges: Sequence[Judge],
    held_out: Dataset,
    count: int = 0,
    batch_size: int = 0,
    families: Sequence[str] | None = None,
    textures: bool = False,
    chosen: bool = False,
    tell: Tell = quietly,
    again: str = "",
) -> None:
    """Writes eval.json, report.html and the last pictures of a GAN into `out`, in this order.

    Args:
        judges: the first is the headline's; without any it is tested whether the images differ
            from real ones.
        held_out: real images that it was not trained on.
        count: images to judge; 0 for as many as the config says.
        batch_size, families, tell: see `evaluate_run`.
        textures: whether to compare with the held-out images as textures too.
        chosen: whether the step was chosen as the best by the same held-out images.
        again: the command that makes pictures and page again; '' for that which judges `out`.
    """
    own_families, texture_families = divide_families(families)
    config, gan, ema, train = trained.config, trained.gan, trained.ema, trained.train
    batch_size = batch_size or config.evaluation.batch_size
    count = count or num_final_samples(config)
    latents = sample_latents(config.seed, count, gan.latent_dim)
    labels = asked_labels(gan, train, seed=config.seed, count=count)
    images = generate_images(gan.generator, ema, latents, labels=labels, batch_size=batch_size)
    judge = judges[0] if judges else None
    judgements = judge_by_each(judges, images, labels, train, families=own_families)
    history = read_history(trained.folder)
    tested = len(independent_images(held_out)) if not judgements and not textures else 0
    if min(len(images), tested) > 1:
        options: dict[str, Any] = {"batch_size": batch_size, "textures": texture_headline}
        judgements = [judge_unlabelled(images, held_out, training=train, **options)]
    if chosen:
        told = chosen_flags(sum("eval/fd_semantic" in row for row in history))
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
                "final": image_grid(images[:SHOWN_SAMPLES]),
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
        protocol={"step": trained.step, **in_the_loop(trained.folder)},
        title=f"{config.model.name} on {train.name}",
        train=train,
        config=plain(config),
        history=history,
        held_out=held_out,
        draw=draw,
        textures=as_textures,
        tell=tell,
        again=again or command_to_judge(out),
    )


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
        families: of metrics, see `gan_jax.judging.suite`, and those of
            `gan_jax.judging.textures.suite`; None for all that can be computed.
        batch_size: images per call; 0 for as many as the config says.
        cache: folder for statistics of references; '' for none.
        textures: whether to judge them as textures too, whatever the config says.
        tell: takes what eval.json holds before pictures and page are made.

    Raises:
        InputError: no such run, checkpoint or pack, or a folder that cannot be written to.
    """
    texture_families = divide_families(families)[1]
    trained = read_gan(workdir, checkpoint, member)
    config = trained.config
    batch_size = batch_size or config.evaluation.batch_size
    out = open_folder(out or trained.folder, "--out" if out else "--workdir")
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
    refuse_judges(trained.folder, [judge.extractor for judge in judges])
    if trained.gan.conditioning is not None:
        enlarged = hold_out(
            reference,
            trained.gan,
            judges[0].extractor if judges else None,
            count=num_samples or num_final_samples(config),
            textures=textures,
            batch_size=batch_size,
        )
        return evaluate_super_resolution(
            out,
            trained=trained,
            pixel=read_pixel(trained),
            held_out=enlarged,
            tell=tell,
            again=SAME_COMMAND,
        )
    evaluate_gan(
        out,
        trained=trained,
        judges=judges,
        held_out=reference,
        count=num_samples,
        batch_size=batch_size,
        families=families,
        textures=textures,
        chosen=checkpoint == "best",
        tell=tell,
        again=SAME_COMMAND,
    )
    return read_json(out / folder.EVALUATION)
