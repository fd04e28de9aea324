"""Times every form of the convolutions for the layers of the works, on this machine.

    python -m benchmarks.convolutions [--work all] [--form-seconds 0.3] [--rounds 3]

Prints a table and writes JSON to benchmarks/results/. The form that gan_jax chooses by itself is
marked: it should be the fastest with gradients, or next to it.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import functools
import json
import pathlib
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from benchmarks.machine import describe_machine, slug
from benchmarks.peers import ours
from benchmarks.works import WORKS, Task
from gan_jax.errors import InputError
from gan_jax.models.convolution import FORMS, conv, conv_transpose
from gan_jax.models.layers import Conv, ConvTranspose
from gan_jax.runtime.compiler import options_of

_RESULTS = pathlib.Path(__file__).resolve().parent / "results"
_FUNCTIONS = {"conv": conv, "conv_transpose": conv_transpose}


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution as a network calls it.

    Attributes:
        function: 'conv' or 'conv_transpose'.
        images: (n, h, w, i).
        kernel: (kh, kw, i, o).
        strides: of both axes.
    """

    function: str
    images: tuple[int, int, int, int]
    kernel: tuple[int, int, int, int]
    strides: int

    def __str__(self) -> str:
        n, h, w, inputs = self.images
        kh, kw, _, outputs = self.kernel
        size = f"{n} x {h}x{w}, {inputs} to {outputs}"
        return f"{self.function} {kh}x{kw}/{self.strides}, {size}"


def layers_of(task: Task) -> list[Layer]:
    """The convolutions of a work, each once, read from the networks themselves."""
    found: dict[Layer, None] = {}

    def watch(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if isinstance(module, Conv | ConvTranspose) and context.method_name == "__call__":
            name = "conv" if isinstance(module, Conv) else "conv_transpose"
            shape = args[0].shape
            kernel = (*module.kernel_size, shape[-1], module.features)
            found[Layer(name, shape, kernel, module.strides)] = None
        return call(*args, **kwargs)

    work = task.work
    images = jnp.zeros((work.batch_size, *work.image_shape))
    if work.is_gan:
        gan = ours.make_gan(task)
        latents = jnp.zeros((work.batch_size, work.latent_dim))
        calls = [(gan.generator, latents), (gan.discriminator, images)]
    else:
        calls = [(ours.make_recogniser(task).network, images)]
    with nn.intercept_methods(watch):
        for module, inputs in calls:
            initialise = functools.partial(module.init, jax.random.key(0), train=False)
            jax.eval_shape(initialise, inputs)
    return list(found)


def operations(layer: Layer, form: str | None) -> dict[str, Callable[..., Any]]:
    """Jitted forward, and forward with the gradients of images and kernel, of (x, kernel)."""

    def forward(x: Array, kernel: Array) -> Array:
        return _FUNCTIONS[layer.function](x, kernel, layer.strides, form=form)

    def with_gradients(x: Array, kernel: Array) -> tuple[Array, Array, Array]:
        y, pull = jax.vjp(forward, x, kernel)
        return y, *pull(y)

    return {"forward": jax.jit(forward), "gradients": jax.jit(with_gradients)}


def measure(layer: Layer, *, rounds: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of each form of a layer, the median over rounds in which all take turns.

    The forms are compiled with the options of a network that has this layer alone.

    Returns:
        {'layer', 'chosen': name of the form that form=None compiles to, 'forms': {name: {'forward',
        'gradients'}}}, without the forms that cannot do the layer.
    """
    keys = jax.random.split(jax.random.key(0))
    x, kernel = (jax.random.normal(k, s) for k, s in zip(keys, (layer.images, layer.kernel)))
    default = operations(layer, None)["gradients"].lower(x, kernel).as_text()
    compiled, chosen = {}, None
    options = options_of({"kernel": kernel})
    for form in FORMS:
        try:
            functions = operations(layer, form)
            text = functions["gradients"].lower(x, kernel).as_text()
        except InputError:
            continue
        chosen = form if text == default and chosen is None else chosen
        for name, function in functions.items():
            compiled[form, name] = function.lower(x, kernel).compile(compiler_options=options)
            jax.block_until_ready(compiled[form, name](x, kernel))
    times: dict[Any, list[float]] = {key: [] for key in compiled}
    for _ in range(rounds):
        for key, function in compiled.items():
            times[key].append(seconds_per_call(functools.partial(function, x, kernel), seconds))
    forms: dict[str, dict[str, float]] = {}
    for (form, name), values in times.items():
        forms.setdefault(form, {})[name] = 1000 * statistics.median(values)
    return {"layer": str(layer), **dataclasses.asdict(layer), "chosen": chosen, "forms": forms}


def seconds_per_call(function: Callable[[], Any], limit: float) -> float:
    """Seconds per call."""
    count, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < limit or not count:
        jax.block_until_ready(function())
        count += 1
    return seconds / count


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Markdown: 'forward / with gradients' in ms for each form, the chosen one in bold."""
    lines = [
        "| layer | " + " | ".join(FORMS) + " |",
        "|---" * (len(FORMS) + 1) + "|",
    ]
    for row in rows:
        cells = []
        for form in FORMS:
            times = row["forms"].get(form)
            cell = f"{times['forward']:.1f} / {times['gradients']:.1f}" if times else ""
            cells.append(f"**{cell}**" if form == row["chosen"] else cell)
        lines.append(f"| {row['layer']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures the layers of the works asked for, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.convolutions", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--work", choices=("all", *WORKS), default="all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--form-seconds", type=float, default=0.3, help="a form's turn")
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS)
    options = parser.parse_args(arguments)
    works = list(WORKS.values()) if options.work == "all" else [WORKS[options.work]]
    layers = dict.fromkeys(layer for work in works for layer in layers_of(Task(work)))
    rows = []
    for layer in layers:
        rows.append(measure(layer, rounds=options.rounds, seconds=options.form_seconds))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    machine = describe_machine()
    record = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine | {"device": jax.devices()[0].device_kind},
        "jax": jax.__version__,
        "layers": rows,
    }
    options.output.mkdir(parents=True, exist_ok=True)
    stem = slug(f"convolutions {machine['processor']} {machine['cores']} cores")
    if jax.default_backend() != "cpu":
        stem = slug(f"convolutions {jax.devices()[0].device_kind}")
    path = options.output / f"{stem}-{record['date'][:10]}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"\n{table(rows)}\n\nms, forward / with gradients; bold: chosen. Written to {path}")


if __name__ == "__main__":
    main()
