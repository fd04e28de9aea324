"""What is compiled, as data: a work, a form of its step, a dtype and a topology."""

from __future__ import annotations

import dataclasses
import math

from benchmarks.works import WORKS, Work

FORMS = ("pmap", "jit", "plain")
TOPOLOGIES = ("v5e:2x2", "v5e:2x4", "v5e:16x16", "v4:2x2x1", "v5p:2x2x1", "v6e:2x4")

# Works that plain Flax has too: `benchmarks.works`, and what only JAX is asked for.
_PENALTIES = dict(loss="relativistic", r1_weight=0.05, r2_weight=0.05, b1=0.0)
PEERED = WORKS | {
    "r3gan": Work("r3gan", "r3gan", (32, 32, 3), 64, width=768, **_PENALTIES),
    "dcgan64_wide": Work("dcgan64_wide", "dcgan", (64, 64, 3), 64, latent_dim=100, width=128),
    "resnet": Work("resnet", "resnet", (32, 32, 3), 64, latent_dim=128, b1=0.0),
    "stacked_mnist": Work("stacked_mnist", "dcgan", (28, 28, 3), 64, width=32, learning_rate=1e-3),
}
# Works of a config in configs/: (module, h x w x c, classes).
CONFIGURED = {
    "quickstart": ("quickstart", (28, 28, 1), 10),
    "cifar10_r3gan": ("cifar10_r3gan", (32, 32, 3), 10),
    "texture": ("texture_brick", (64, 64, 1), 1),
    "super_resolution": ("super_resolution", (64, 64, 1), 1),
    "moving_digits": ("moving_digits", (16, 32, 32, 1), 10),
    # Eight GANs, and two that eight chips share.
    "sweep": ("sweep_gamma", (28, 28, 1), 10),
    "stacked_mnist_seeds": ("stacked_mnist_dcgan", (28, 28, 3), 1000),
}
NAMES = (*PEERED, *CONFIGURED)
BATCH_A_CHIP = 128  # of the works that plain Flax has; the others have their config's batch


@dataclasses.dataclass(frozen=True)
class Case:
    """One program.

    Attributes:
        work: one of `NAMES`.
        form: 'pmap' and 'jit' are gan_jax's, as a run compiles them; 'plain' is plain Flax under
            `jax.jit`, with the same layers, losses, optimiser and batch.
        dtype: 'float32', or 'bfloat16' for mixed precision with float32 parameters.
        topology: of the chips, such as 'v5e:2x4'.
    """

    work: str
    form: str
    dtype: str
    topology: str

    @property
    def name(self) -> str:
        """What a file of results calls it."""
        return " ".join(dataclasses.astuple(self))

    @classmethod
    def named(cls, name: str) -> Case:
        """The reverse of `name`."""
        return cls(*name.split())

    @property
    def chips(self) -> int:
        """How many chips the topology has."""
        return math.prod(int(side) for side in self.topology.split(":")[1].split("x"))


def cases(
    works: list[str], forms: list[str], dtypes: list[str], topologies: list[str]
) -> list[Case]:
    """All combinations that there are: plain Flax has the works of `PEERED` only."""
    return [
        Case(work, form, dtype, topology)
        for topology in topologies
        for dtype in dtypes
        for work in works
        for form in forms
        if form != "plain" or work in PEERED
    ]
