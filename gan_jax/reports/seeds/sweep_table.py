"""What many GANs came to, as text and as cells of tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gan_jax.reports.seeds.statistics import Choice
from gan_jax.reports.seeds.sweep import HEADLINE, best_setting
from gan_jax.reports.text import NONE, aligned, between, number, plural

# In this order; the rest follows as it comes.
_FIRST = (HEADLINE, "fd_texture", "coverage", "vendi", "class_kl", "confidence")
_FIRST_OF_STACKS = ("modes", "modes_kl", *_FIRST)
_NAMED = 3  # settings that a verdict names as perhaps as good
COVERED = (
    "Intervals and tests are over seeds: another run of as many seeds. All members are judged by "
    "one judge against the same real images, so they say nothing of another reference."
)


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
