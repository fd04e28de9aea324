"""The numbers of GAN-train and GAN-test from confusion matrices, a seed each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax import metrics
from gan_jax.data.schema import Unfit, fields, list_of, whole
from gan_jax.errors import InputError
from gan_jax.reports.result import make_entry
from gan_jax.reports.seeds.statistics import summarise
from gan_jax.reports.text import between, percentage, points

ARMS = ("baseline", "gan_train", "gan_test")


@dataclasses.dataclass(frozen=True, eq=False)
class SeedResult:
    """What came out with one seed; all counts are images of true or asked class i named j, [k, k].

    Attributes:
        seed: of the generated images, the chosen real ones, and both trainings.
        baseline: real test images, named by the recogniser that was trained on real images.
        gan_train: real test images, named by the one that was trained on generated images.
        gan_test: generated images, named by the one that was trained on real images.
        shared: test images that are, to the last pixel, among the generated ones.
    """

    seed: int
    baseline: np.ndarray
    gan_train: np.ndarray
    gan_test: np.ndarray
    shared: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        counts = {name: getattr(self, name).tolist() for name in ARMS}
        return {"seed": self.seed, "shared": self.shared, **counts}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> SeedResult:
        """What `to_dict` gave.

        Raises:
            gan_jax.errors.InputError: it is something else.
        """
        _check_seed(saved)
        counts = {name: np.array(saved[name], np.int64) for name in ARMS}
        return cls(seed=saved["seed"], shared=saved["shared"], **counts)


def _check_seed(saved: Any) -> None:
    table = list_of(list_of(whole(0, 10**12), 1, 10_000), 1, 10_000)
    try:
        fields({"seed": whole(), "shared": whole()} | dict.fromkeys(ARMS, table))(saved, "")
        for name in ARMS:
            sides = {len(saved[name]), *map(len, saved[name])}
            if sides != {len(saved[ARMS[0]])}:
                raise Unfit(f"{name} is no square table like {ARMS[0]}")
    except Unfit as error:
        raise InputError(
            f"the file of a seed's results is damaged ({error}): remove it, and the same command "
            "makes it again."
        ) from error


def summarise_seeds(
    results: Sequence[SeedResult], class_names: Sequence[str], *, independent: int | None = None
) -> dict[str, Any]:
    """Accuracies with intervals over seeds, differences to the baseline, and each class.

    Args:
        class_names: [k].
        independent: how many of the real test images count as independent; None for all. Crops
            that overlap do not, and the interval of one test is that of so many.

    Returns:
        'metrics': by arm 'value', 'ci' (95 % of the mean over seeds by Student's t, cut to 0 and
        1; None of one seed), 'values', 'n' images tested a seed and, of the two GAN arms,
        'difference' to the baseline of the same seed, with its interval. 'classes': by name and
        arm 'value' and 'ci' of the class's recall, None where no image was of it.
    """
    found: dict[str, Any] = {"metrics": {}, "classes": {}}
    tables = {arm: [metrics.ClassAgreement(getattr(one, arm)) for one in results] for arm in ARMS}
    accuracies = {arm: [table.share for table in own] for arm, own in tables.items()}
    for arm, values in accuracies.items():
        entry = _share(values) | {"values": values, "n": tables[arm][0].count}
        tested = entry["n"] if arm == "gan_test" else independent or entry["n"]
        entry["interval_of_one_test"] = list(metrics.wilson_interval(values[0] * tested, tested))
        if arm != "baseline":
            gaps = np.subtract(values, accuracies["baseline"])
            entry["difference"] = summarise(gaps).entry(floor=0.0)
        found["metrics"][arm] = entry
    for index, name in enumerate(class_names):
        part = {}
        for arm in ARMS:
            counts = [table.of_class(index) for table in tables[arm]]
            part[arm] = _share([right / count for right, count in counts if count])
        found["classes"][str(name)] = part
    return found


def verdict(content: dict[str, Any]) -> str:
    """The result in words, that say no more than the seeds do."""
    found = content["metrics"]
    baseline, gan_train, gan_test = (percentage(found[arm]["value"]) for arm in ARMS)
    return (
        f"A recogniser trained on generated images ({content['protocol']['labelled_by']}) names "
        f"{gan_train} of the real test images correctly, one trained on as many real images "
        f"{baseline}: {_compared(found['gan_train'])}. The latter names {gan_test} of the "
        f"generated images as they are labelled, beside the real ones: "
        f"{_compared(found['gan_test'])}."
    )


def _compared(entry: dict[str, Any]) -> str:
    gap, count = entry["difference"], len(entry["values"])
    text = f"{abs(100 * gap['value']):.1f} points {'less' if gap['value'] < 0 else 'more'}"
    if gap["ci"] is None:
        return f"{text}, in one seed"
    low, high = gap["ci"]
    if low <= 0 <= high:
        text = f"no difference that {count} seeds can show"
    return f"{text} ({between(gap['ci'], points)})"


def _share(values: Sequence[float]) -> dict[str, Any]:
    """The entry of shares, whose interval cannot leave [0, 1]."""
    if not values:
        return {"value": None, "ci": None}
    summary = summarise(values)
    interval = summary.interval and tuple(min(max(end, 0.0), 1.0) for end in summary.interval)
    return make_entry(summary.mean, interval, summary.n)
