"""A trained generator as one file that runs without this package: `jax.export` with its weights."""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, export, lax

from gan_jax.data.disk import open_file, path_of
from gan_jax.errors import InputError
from gan_jax.models.platform import traced_for
from gan_jax.sampling.drawing import Drawing, Source
from gan_jax.sampling.place import recorded_file

PLATFORMS = ("cpu", "cuda", "tpu")
_LEAST_SIDE = 9  # of images to enlarge: the CPU's convolutions have another form for fewer pixels


def export_program(source: Source, out: str | pathlib.Path) -> dict[str, Any]:
    """Writes the averaged generator, weights included, and a JSON record; returns the record.

    `jax.export.deserialize(bytes)` reads the file. It is called as `program.call(latents)` or, for
    a conditional GAN, `program.call(latents, labels)`: latents float32 [n, latent_dim], standard
    normal; labels int32 [n]; images float32 [n, h, w, c] in [-1, 1]. A network that enlarges is
    called as `program.call(images)`, float32 [n, h, w, c] in [-1, 1], h and w of 9 or more. n, h
    and w may differ from call to call. It runs on all of `PLATFORMS`, and holds one program for the
    CPU, where layers have forms of their own, and one for the others; the weights are there once.

    Args:
        source: the generator, without a truncation: the caller truncates.
        out: the file; NAME.json beside it says how to call it.

    Raises:
        InputError: flatbuffers is not installed, a truncation, a place that cannot be written to,
            or see `Source.open`.
    """
    if importlib.util.find_spec("flatbuffers") is None:
        raise InputError(
            "--export_program needs flatbuffers, which is not installed: run pip install "
            "flatbuffers, here and where the program is read."
        )
    if source.truncation is not None:
        raise InputError(
            f"--truncation is {source.truncation}, and a program takes latents as they are given: "
            "leave it out, and truncate them where it is called."
        )
    out = path_of(out)
    if out.is_dir() or out.suffix == ".json":
        raise InputError(f"--export_program '{out}': give the name of a file, such as digits.jax.")
    drawing = source.open(latents=False)
    open_file(out, "--export_program")
    program = exported_generator(drawing)
    record = drawing.record()
    for name in ("seed", "truncation"):
        del record[name]
    record |= {
        "needs": "jax and flatbuffers",
        "read": "program = jax.export.deserialize(bytearray(open(FILE, 'rb').read()))",
        **_usage(drawing),
        "platforms": list(program.platforms),
        "calling_convention_version": program.calling_convention_version,
    }
    with recorded_file(out, record) as file:
        file.write(program.serialize())
    return record


def _usage(drawing: Drawing) -> dict[str, str]:
    """How the program is called, what it takes, and what it gives."""
    gan, (height, width, channels) = drawing.trained.gan, drawing.image_shape
    if gan.conditioning is not None:
        factor = gan.generator.factor
        return {
            "call": "enlarged = program.call(images)",
            "takes": f"images float32 [n, h, w, {channels}] in [-1, 1]; any n, h and w of "
            f"{_LEAST_SIDE} or more",
            "gives": f"float32 [n, {factor} h, {factor} w, {channels}], about in [-1, 1]",
        }
    labels, called = "", ""
    if drawing.num_classes:
        labels, called = f", labels int32 [n] in [0, {drawing.num_classes})", ", labels"
    return {
        "call": f"images = program.call(latents{called})",
        "takes": f"latents float32 [n, {gan.latent_dim}], standard normal{labels}; any n",
        "gives": f"float32 [n, {height}, {width}, {channels}] in [-1, 1]",
    }


def exported_generator(drawing: Drawing) -> export.Exported:
    """The program of `export_program`, before it is serialised."""
    generator, variables = drawing.trained.gan.generator, drawing.trained.ema

    def draw_on(platform: str) -> Any:
        def draw(variables: Any, *inputs: Array) -> Array:
            with traced_for(platform):
                images: Any = generator.apply(variables, *inputs, train=False)
                return images.astype(jnp.float32)

        return draw

    @jax.jit
    def program(*inputs: Array) -> Array:
        return lax.platform_dependent(
            jax.tree.map(jnp.asarray, variables),
            *inputs,
            cpu=draw_on("cpu"),
            default=draw_on("gpu"),
        )

    return export.export(program, platforms=PLATFORMS)(*_open_inputs(drawing))


def _open_inputs(drawing: Drawing) -> list[jax.ShapeDtypeStruct]:
    """The program's inputs: any number of them, and images to enlarge of any size."""
    if drawing.trained.gan.conditioning is not None:
        least = [f"{side} >= {_LEAST_SIDE}" for side in ("h", "w")]
        sides = export.symbolic_shape("n, h, w", constraints=least)
        return [jax.ShapeDtypeStruct((*sides, drawing.image_shape[2]), jnp.float32)]
    (count,) = export.symbolic_shape("n")
    latents = jax.ShapeDtypeStruct((count, drawing.trained.gan.latent_dim), jnp.float32)
    labels = [jax.ShapeDtypeStruct((count,), jnp.int32)] if drawing.num_classes else []
    return [latents, *labels]
