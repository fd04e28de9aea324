"""What a step must send between devices, from the compiled program, and what that costs.

    python -m benchmarks.scaling

Compiles one training step for eight devices (they are pretended on the CPU: the program is what
counts, and nothing is run), counts its collectives, and derives the efficiency to expect from
public figures of processors and of what connects them. The derivation is in docs/scaling.md.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re

_DEVICES, _BATCH = 8, 128
_BYTES = {
    "pred": 1,
    "s8": 1,
    "u8": 1,
    "s16": 2,
    "u16": 2,
    "s32": 4,
    "u32": 4,
    "f32": 4,
    "bf16": 2,
    "f16": 2,
    "f64": 8,
    "s64": 8,
    "u64": 8,
}
_REDUCTION = re.compile(r"= (\(.*?\)|\S+) all-reduce(?:-start)?\(")
_OTHERS = re.compile(r" (all-gather|all-to-all|collective-permute|reduce-scatter)(?:-start)?\(")
_SHAPE = re.compile(r"([a-z]+\d*)\[([\d,]*)\]")


@dataclasses.dataclass(frozen=True)
class Collectives:
    """What one device sends in a step.

    Attributes:
        sizes: bytes of each all-reduce, largest first.
        others: names of all other collectives, which a data-parallel step should not need.
    """

    sizes: tuple[int, ...]
    others: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Chip:
    """Public figures of an accelerator.

    Attributes:
        name: with the dtype of the peak.
        flops: arithmetic operations a second at its peak.
        bandwidth: bytes a second that a chip sends, one way, within an island.
        island: chips that are connected so.
        network: bytes a second that a chip sends, one way, beyond it.
        source: where the figures stand.
    """

    name: str
    flops: float
    bandwidth: float
    island: int
    network: float
    source: str


# One way is half of what is printed as bidirectional.
CHIPS = (
    Chip("TPU v5e", 197e12, 200e9, 256, 3.1e9, "docs.cloud.google.com/tpu/docs/v5e"),
    Chip("TPU v5p", 459e12, 600e9, 8960, 6.25e9, "docs.cloud.google.com/tpu/docs/v5p"),
    Chip("H100 SXM", 989e12, 450e9, 8, 50e9, "nvidia.com/en-us/data-center/h100, dgx-h100"),
)
# Assumptions, not figures of anybody: what a small reduction takes at least, and the share of the
# peak that a step's arithmetic reaches.
LATENCY = 10e-6
SHARE = 0.4


@dataclasses.dataclass(frozen=True)
class Work:
    """A step as the chips see it: operations an image, and what is reduced a step."""

    name: str
    flops_per_image: float
    collectives: Collectives


def find_collectives(program: str) -> Collectives:
    """The collectives in the text of a compiled program (HLO)."""
    sizes = [bytes_of(match.group(1)) for match in _REDUCTION.finditer(program)]
    others = tuple(match.group(1) for match in _OTHERS.finditer(program))
    return Collectives(tuple(sorted(sizes, reverse=True)), others)


def bytes_of(shape: str) -> int:
    """The bytes of a shape as HLO writes it, such as 'f32[8,3]', or of a tuple of them."""
    return sum(
        _BYTES[dtype] * math.prod(int(n) for n in sides.split(",") if n)
        for dtype, sides in _SHAPE.findall(shape)
    )


def communication_seconds(collectives: Collectives, chips: int, chip: Chip) -> float:
    """Time of all reductions by ring, one after another, nothing hidden behind arithmetic.

    A ring sends 2 (n - 1) / n times the bytes through each link (Patarasuk and Yuan 2009).
    """
    if chips == 1:
        return 0.0
    sent = 2 * (chips - 1) / chips * sum(collectives.sizes)
    bandwidth = chip.bandwidth if chips <= chip.island else chip.network
    return sent / bandwidth + LATENCY * len(collectives.sizes)


def efficiency(work: Work, batch: int, chips: int, chip: Chip) -> float:
    """Speed on `chips` over `chips` times the speed on one, at `batch` images a chip."""
    arithmetic = work.flops_per_image * batch / (chip.flops * SHARE)
    return arithmetic / (arithmetic + communication_seconds(work.collectives, chips, chip))


def needed_batch(work: Work, chips: int, chip: Chip, wanted: float = 0.9) -> int:
    """The batch a chip from which on the efficiency is `wanted`."""
    seconds = communication_seconds(work.collectives, chips, chip)
    per_image = work.flops_per_image / (chip.flops * SHARE)
    return math.ceil(wanted / (1 - wanted) * seconds / per_image)


def compile_work(name: str, batch: int) -> Work:
    """Compiles the step of a GAN for eight devices and reads off what it needs.

    Args:
        name: 'article' (28 x 28 x 1) or 'dcgan64' (64 x 64 x 3, width 64).
        batch: images on all devices together.
    """
    import functools

    import jax
    import numpy as np
    import optax

    from benchmarks.programs import compiled_program
    from gan_jax.models.article import ArticleDiscriminator, ArticleGenerator
    from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
    from gan_jax.runtime import parallel
    from gan_jax.steps import gan_step
    from gan_jax.steps.state import GAN, create_gan_state

    shape = (28, 28, 1) if name == "article" else (64, 64, 3)
    networks = (
        (ArticleGenerator(shape), ArticleDiscriminator())
        if name == "article"
        else (DCGANGenerator(shape), DCGANDiscriminator())
    )
    adam = optax.adam(2e-4, b1=0.5)
    gan, key = GAN(*networks, adam, adam, latent_dim=100), jax.random.key(0)
    plan = parallel.make_plan("pmap", batch)
    state = create_gan_state(gan, key, shape)
    rows = {"images": np.zeros((batch, *shape), np.float32)}
    program = compiled_program(
        functools.partial(gan_step, gan=gan), lambda data, rows: rows, plan, state, key, {}, rows
    )
    # XLA counts the operations of one device.
    flops = program.cost_analysis()["flops"] * len(plan.devices) / batch
    return Work(name, flops, find_collectives(program.as_text()))


def main() -> None:
    """Prints the table of docs/scaling.md."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={_DEVICES}"
    chips = (8, 64, 512)
    print("| step | chip | reductions | MB | 8 chips | 64 | 512 | batch a chip for 90 % on 512 |")
    print("|---|---|---|---|---|---|---|---|")
    for name in ("article", "dcgan64"):
        work = compile_work(name, _BATCH * _DEVICES)
        assert not work.collectives.others, work.collectives.others
        for chip in CHIPS:
            shares = " | ".join(f"{efficiency(work, _BATCH, n, chip):.0%}" for n in chips)
            print(
                f"| {name} | {chip.name} | {len(work.collectives.sizes)} | "
                f"{sum(work.collectives.sizes) / 1e6:.1f} | {shares} | "
                f"{needed_batch(work, chips[-1], chip):,} |"
            )


if __name__ == "__main__":
    main()
