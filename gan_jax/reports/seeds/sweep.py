"""The eval.json of many GANs: each member's numbers, and what a setting's seeds say together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from gan_jax.config.members import Member, Setting
from gan_jax.reports.result import Entry, Result
from gan_jax.reports.seeds.statistics import Choice, choose, summarise

HEADLINE = "fd_semantic"


@dataclasses.dataclass(frozen=True, eq=False)
class MemberResult:
    """What came out of one member.

    Attributes:
        diverged: steps it had done when the next was not finite; None if it came to the end.
        collapsed: whether the mode-collapse meter warned at the last evaluation.
        metrics: as in the eval.json of a single run; empty without a judge, and of a member that
            diverged.
    """

    member: Member
    diverged: int | None
    collapsed: bool
    metrics: dict[str, dict[str, Any]]


def sweep_result(results: Sequence[MemberResult], protocol: dict[str, Any]) -> Result:
    """The result of a sweep.

    'settings' holds, for each metric that is a single number, mean, sample standard deviation,
    number of seeds, 95 % interval of the mean by Student's t, and each seed's value. 'metrics' is
    that of the only setting or the one with the best mean, with means for values, as tools for
    single runs read it. 'best' says which that is, 'clear' whether it is best beyond chance, and
    'rivals' what tests say of each of the others, see `gan_jax.reports.seeds.statistics.choose`.
    """
    groups: dict[Setting, list[MemberResult]] = {}
    for result in results:
        groups.setdefault(result.member.setting, []).append(result)
    settings = [_setting(setting, members) for setting, members in groups.items()]
    choice = best_setting(settings)
    metrics: dict[str, Entry] = {}
    more: dict[str, Any] = {}
    if choice is not None:
        best = settings[choice.best]
        metrics = {name: _as_single(entry) for name, entry in best["metrics"].items()}
        more["best"] = {
            "metric": HEADLINE,
            "setting": best["name"],
            "clear": choice.clear,
            "rivals": [
                {
                    "setting": settings[rival.index]["name"],
                    "behind": rival.behind,
                    "paired": rival.paired,
                    "p": rival.p,
                }
                for rival in choice.rivals
            ],
            "passed_over": [settings[index]["name"] for index in choice.left_out],
        }
    more["settings"] = settings
    more["members"] = [
        {
            "name": result.member.name,
            "folder": result.member.folder,
            "seed": result.member.seed,
            "hyperparameters": dict(result.member.setting.values),
            "diverged_at": result.diverged,
            "collapsed": result.collapsed,
            "metrics": result.metrics,
        }
        for result in results
    ]
    return Result(metrics, protocol, more=more)


def best_setting(settings: Sequence[dict[str, Any]]) -> Choice | None:
    """The choice among the settings of an eval.json by the headline metric."""
    values = [_by_seed(setting) for setting in settings]
    return choose(values, [len(setting["seeds"]) for setting in settings])


def _by_seed(setting: dict[str, Any]) -> dict[int, float]:
    """A setting's values of the headline metric; empty without any."""
    entry = setting["metrics"].get(HEADLINE)
    values = [] if entry is None else zip(setting["seeds"], entry["values"], strict=True)
    return {seed: value for seed, value in values if value is not None}


def _setting(setting: Setting, results: Sequence[MemberResult]) -> dict[str, Any]:
    names = dict.fromkeys(name for result in results for name in result.metrics)
    metrics = {}
    for name in names:
        entries = [result.metrics.get(name) for result in results]
        values = [_number(entry) for entry in entries]
        there = [value for value in values if value is not None]
        if not there:
            continue
        summary = summarise(there)
        first = next(entry for entry in entries if entry is not None)
        metrics[name] = {
            "mean": summary.mean,
            "std": summary.std,
            "n": summary.n,
            "ci": None if summary.interval is None else list(summary.interval),
            "values": values,
        } | {side: first[side] for side in ("floor", "real") if side in first}
        metrics[name]["images"] = first.get("n")
    return {
        "name": setting.name,
        "hyperparameters": dict(setting.values),
        "seeds": [result.member.seed for result in results],
        "diverged": [result.member.seed for result in results if result.diverged is not None],
        "collapsed": [result.member.seed for result in results if result.collapsed],
        "metrics": metrics,
    }


def _number(entry: dict[str, Any] | None) -> float | None:
    """The value of an entry, if it is a single number."""
    if entry is None or isinstance(entry.get("value"), (bool, list, dict, str, type(None))):
        return None
    return float(entry["value"])


def _as_single(entry: dict[str, Any]) -> dict[str, Any]:
    """A setting's entry in the form that single runs have."""
    shared = {name: entry[name] for name in ("floor", "real", "ci") if entry.get(name) is not None}
    if entry["images"] is not None:
        shared["n"] = entry["images"]
    return {"value": entry["mean"], "std": entry["std"], "seeds": entry["n"], **shared}
