"""The eval.json of many GANs, and as text: each member's numbers, what a setting's seeds say."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from gan_jax.config.members import Member, Setting
from gan_jax.reports.result import Entry, Result
from gan_jax.reports.seeds.statistics import Choice, choose, summarise
from gan_jax.reports.text import NONE, aligned, between, number, plural

HEADLINE = "fd_semantic"
# In this order; the rest follows as it comes.
_FIRST = (HEADLINE, "fd_texture", "coverage", "vendi", "class_kl", "confidence")
_FIRST_OF_STACKS = ("modes", "modes_kl", *_FIRST)
_NAMED = 3  # settings that a verdict names as perhaps as good
COVERED = (
    "Intervals and tests are over seeds: another run of as many seeds. All members are judged by "
    "one judge against the same real images, so they say nothing of another reference."
)


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


def ordered_metrics(content: dict[str, Any]) -> list[str]:
    """The metrics of an eval.json of many GANs, the most telling first."""
    there = dict.fromkeys(name for setting in content["settings"] for name in setting["metrics"])
    first = _FIRST_OF_STACKS if "modes_kl" in there else _FIRST
    return [name for name in first if name in there] + [n for n in there if n not in first]


def mean_and_std(entry: dict[str, Any] | None) -> str:
    """Such as '9.16 ± 0.4'; the mean alone of a single seed, '–' without a value."""
    if entry is None:
        return NONE
    if entry["std"] is None:
        return number(entry["mean"])
    return f"{number(entry['mean'])} ± {number(entry['std'], 2)}"


def interval(entry: dict[str, Any] | None) -> str:
    """Such as '8.1 to 10.2', the 95 % interval of the mean; '–' without one."""
    return between(None if entry is None else entry["ci"])


def verdict(content: dict[str, Any]) -> str:
    """What came out, in a few sentences; nothing is called the best that chance may have chosen.

    It follows from the settings' values, so that it holds for an eval.json of any age.
    """
    settings = content["settings"]
    lost = sum(len(setting["diverged"]) for setting in settings)
    ending = f" {lost} of {len(content['members'])} members diverged." if lost else ""
    choice = best_setting(settings)
    if choice is None:
        return f"Not judged.{ending}"
    first = settings[choice.best]
    entry = first["metrics"][HEADLINE]
    about = f"{HEADLINE} {mean_and_std(entry)} over {plural(entry['n'], 'seed')}"
    if entry["ci"]:
        about += f", 95 % interval {interval(entry)}"
    if len(settings) == 1:
        text = f"Mean {about}."
    else:
        text = f"{first['name']} has the lowest mean of {len(settings)} settings: {about}. "
        text += _certainty(choice, settings)
    return f"{text}{ending}"


def _certainty(choice: Choice, settings: Sequence[dict[str, Any]]) -> str:
    passed = ""
    if choice.left_out:
        names = "; ".join(settings[index]["name"] for index in choice.left_out)
        passed = f" Not ranked, as seeds of theirs diverged: {names}."
    if not choice.complete:
        passed += " No setting kept all its seeds: these are the means of those that were left."
    if not choice.rivals:
        return f"No other is left to compare it with.{passed}"
    if all(rival.p is None for rival in choice.rivals):
        ranked = [choice.best, *(rival.index for rival in choice.rivals)]
        single = any(settings[index]["metrics"][HEADLINE]["n"] < 2 for index in ranked)
        why = "a single seed each" if single else "values that do not differ"
        return f"Cannot tell which is best: {why} show nothing of chance.{passed}"
    kind = "paired by seed" if all(rival.paired for rival in choice.rivals) else "Welch's"
    count = len(choice.rivals)
    of_what = f"t tests {kind}"
    of_what += f", corrected for {count} comparisons (Holm)" if count > 1 else ""
    if choice.clear:
        largest = max(rival.p for rival in choice.rivals if rival.p is not None)
        return (
            f"It is clearly the best: every other is worse, the largest p being {_p(largest)} "
            f"({of_what}).{passed}"
        )
    open_ = [rival for rival in choice.rivals if not rival.beaten]
    near = "; ".join(
        f"{settings[rival.index]['name']} with "
        f"{mean_and_std(settings[rival.index]['metrics'][HEADLINE])} (p {_p(rival.p)})"
        for rival in open_[:_NAMED]
    )
    more = f" and {len(open_) - _NAMED} more" if len(open_) > _NAMED else ""
    return f"Cannot tell whether it is better than {near}{more} ({of_what}).{passed}"


def _p(value: float | None) -> str:
    if value is None:
        return "not known"
    return "below 0.001" if value < 0.001 else f"{value:.2g}"


def seed_cell(setting: dict[str, Any], name: str, seed: int, members: Sequence[dict]) -> str:
    """One seed's value of a metric, or why there is none."""
    member = next(
        m
        for m in members
        if m["seed"] == seed and m["hyperparameters"] == setting["hyperparameters"]
    )
    if member["diverged_at"] is not None:
        return f"diverged at step {member['diverged_at']:,}"
    entry = setting["metrics"].get(name)
    value = None if entry is None else entry["values"][setting["seeds"].index(seed)]
    return number(value) + (" (collapsed)" if member["collapsed"] else "")


def sweep_table(content: dict[str, Any]) -> str:
    """The content of eval.json as text: a line per setting with its seeds, then the verdict.

    Below it, what the intervals cover.
    """
    metrics = ordered_metrics(content)[:4]
    seeds = content["settings"][0]["seeds"]
    shown = metrics[0] if metrics else HEADLINE
    rows = [["setting", *metrics, *(f"{shown}, seed {seed}" for seed in seeds)]]
    for setting in content["settings"]:
        cells = [mean_and_std(setting["metrics"].get(name)) for name in metrics]
        cells += [seed_cell(setting, shown, seed, content["members"]) for seed in seeds]
        rows.append([setting["name"], *cells])
    told = [COVERED] if metrics else []
    return "\n".join([*aligned(rows), verdict(content), *told])
