"""Who can be measured: each peer's module and the ways it can run."""

from __future__ import annotations

import dataclasses

from benchmarks.works import Task, Work

OURS = "gan_jax"
MATMUL = "matmul"


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One way to run one peer.

    Attributes:
        name: in tables and on the command line.
        group: the peer; its name stands for all of its contestants. Also the environment.
        module: in `benchmarks.peers`.
        variant: told to the module.
    """

    name: str
    group: str
    module: str
    variant: str = ""

    def task(self, work: Work, update: str, dtype: str) -> Task:
        """What its process is asked to do.

        A recogniser has one update only, and gan_jax has no 'reuse': its own is 'alternating' then.
        """
        if not work.is_gan or (update == "reuse" and self.module == "ours"):
            update = "alternating"
        return Task(work, self.variant, update, dtype)


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant(OURS, "gan_jax", "ours"),
        Contestant("gan_jax scan", "scan", "ours", "scan"),
        Contestant("gan_jax, memory returned", "memory", "ours", "memory returned"),
        Contestant("Flax plain", "plain", "plain"),
        Contestant("PyTorch eager", "torch", "torch_peer", "eager"),
        Contestant("PyTorch channels_last", "torch", "torch_peer", "channels_last"),
        Contestant("PyTorch compile", "torch", "torch_peer", "compile"),
        Contestant("Keras graph", "keras", "keras_peer", "graph"),
        Contestant("Keras XLA", "keras", "keras_peer", "xla"),
        Contestant(MATMUL, "matmul", "matmul"),
    )
}
GROUPS = ("torch", "keras", "plain", "scan", "memory")


def choose(names: str) -> list[Contestant]:
    """The contestants of a comma-separated list of groups, with ours first.

    Raises:
        ValueError: for a name that is no group.
    """
    wanted = [name for name in names.split(",") if name]
    for name in wanted:
        if name not in GROUPS:
            raise ValueError(f"--peers {name!r} is not known; choose from {', '.join(GROUPS)}")
    peers = [c for c in CONTESTANTS.values() if c.group in wanted]
    return [CONTESTANTS[OURS], *peers]
