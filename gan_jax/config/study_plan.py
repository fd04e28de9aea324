"""What an augmentation study trains, and what it compares with what.

A group is a number of real images and a seed: one subset, one GAN. An arm is a way to train the
recogniser on it. A cell is an arm of a group: one recogniser, one result.
"""

from __future__ import annotations

import dataclasses
import enum

from ml_collections import ConfigDict


class Added(enum.StrEnum):
    """Which generated images an arm adds to the real ones."""

    NONE = "none"
    GAN = "gan"
    AGREEMENT = "agreement"  # those that recognisers agree on, with confidence
    REJECTION = "rejection"  # those that discriminator rejection sampling accepts


@dataclasses.dataclass(frozen=True)
class Arm:
    """A way to train the recogniser.

    Attributes:
        added: which generated images.
        ratio: how many, over the number of real images; 0 of none.
        classical: whether images are also shifted, turned and scaled at random as they come.
        longer: whether it takes the extra steps of the control.
    """

    added: Added = Added.NONE
    ratio: float = 0.0
    classical: bool = False
    longer: bool = False

    @property
    def name(self) -> str:
        """Such as 'real', 'classical_longer', 'gan_0.5', 'classical+rejection_1'."""
        if self.added is Added.NONE:
            base = "classical" if self.classical else "real"
            return f"{base}_longer" if self.longer else base
        return f"{'classical+' if self.classical else ''}{self.added.value}_{self.ratio:g}"

    @property
    def label(self) -> str:
        """The name in words."""
        if self.added is Added.NONE:
            base = "classical augmentation" if self.classical else "real images only"
            return f"{base}, for longer" if self.longer else base
        chosen = {
            Added.GAN: "",
            Added.AGREEMENT: ", filtered by recognisers",
            Added.REJECTION: ", filtered by the discriminator",
        }[self.added]
        first = "classical + " if self.classical else ""
        return f"{first}{self.ratio:g} x generated{chosen}"

    @property
    def without(self) -> Arm:
        """The same training without generated images."""
        return Arm(classical=self.classical)

    @property
    def control(self) -> Arm:
        """The same training without generated images, for longer."""
        return Arm(classical=self.classical, longer=True)

    @property
    def unfiltered(self) -> Arm:
        """The same with as many generated images as they come."""
        return dataclasses.replace(self, added=Added.GAN)


@dataclasses.dataclass(frozen=True)
class Group:
    """One subset of the training images, and the GAN that is trained on it.

    Attributes:
        size: real images.
        seed: of the subset, the GAN and the recognisers.
    """

    size: int
    seed: int

    @property
    def name(self) -> str:
        """Of its folder, such as '00100_seed=0'."""
        return f"{self.size:05d}_seed={self.seed}"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One recogniser to train."""

    group: Group
    arm: Arm

    @property
    def name(self) -> str:
        """Of its file, such as '00100_seed=0_gan_0.5'."""
        return f"{self.group.name}_{self.arm.name}"


class Question(enum.StrEnum):
    """What a comparison of two arms asks."""

    CLASSICAL = "classical"  # does classical augmentation help?
    LONGER = "longer"  # does longer training on the same images help?
    ADDING = "adding"  # do generated images help?
    CONTROL = "control"  # do they help more than the GAN's compute spent on real images?
    FILTERING = "filtering"  # does filtering help, for as many images asked for?


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two arms that are compared over seeds, each on the same subset from the same weights."""

    question: Question
    arm: Arm
    against: Arm


def arms_of(config: ConfigDict) -> list[Arm]:
    """The arms of a study's config, in the order in which they are trained.

    Real images alone and classical augmentation; generated images in all ratios; filtered ones, and
    the same beside classical augmentation, in `mixed_ratio`; last the controls, which need to know
    what the others took.
    """
    mixed = float(config.mixed_ratio)
    ratios = sorted({*map(float, config.ratios), mixed})
    filtered = (Added.AGREEMENT, Added.REJECTION)
    return [
        Arm(),
        Arm(classical=True),
        *(Arm(Added.GAN, ratio) for ratio in ratios),
        *(Arm(added, mixed) for added in filtered),
        *(Arm(added, mixed, classical=True) for added in (Added.GAN, *filtered)),
        Arm(longer=True),
        Arm(classical=True, longer=True),
    ]


def groups_of(config: ConfigDict) -> list[Group]:
    """The groups of a study's config, the smallest first: its answers come soonest."""
    seeds = range(config.seed, config.seed + config.num_seeds)
    return [Group(int(size), seed) for size in config.sizes for seed in seeds]


def cells_of(config: ConfigDict) -> list[Cell]:
    """The cells of a study's config, group by group."""
    return [Cell(group, arm) for group in groups_of(config) for arm in arms_of(config)]


def pairs_of(config: ConfigDict) -> list[Pair]:
    """What is compared at each size. The list follows from the config, before any result."""
    generated = [arm for arm in arms_of(config) if arm.added is not Added.NONE]
    filtered = [arm for arm in generated if arm.added is not Added.GAN]
    return [
        Pair(Question.CLASSICAL, Arm(classical=True), Arm()),
        Pair(Question.LONGER, Arm(longer=True), Arm()),
        Pair(Question.LONGER, Arm(classical=True, longer=True), Arm(classical=True)),
        *(Pair(Question.ADDING, arm, arm.without) for arm in generated),
        *(Pair(Question.CONTROL, arm, arm.control) for arm in generated),
        *(Pair(Question.FILTERING, arm, arm.unfiltered) for arm in filtered),
    ]
