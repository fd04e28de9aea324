"""What many GANs came to, as text and as cells of tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gan_jax.members.results import HEADLINE
from gan_jax.reports.webpage import number

# In this order; the rest follows as it comes.
_FIRST = (HEADLINE, "fd_texture", "coverage", "vendi", "class_kl", "confidence")
_FIRST_OF_STACKS = ("modes", "modes_kl", *_FIRST)


def ordered_metrics(content: dict[str, Any]) -> list[str]:
    """The metrics of an eval.json of many GANs, the most telling first."""
    there = dict.fromkeys(name for setting in content["settings"] for name in setting["metrics"])
    first = _FIRST_OF_STACKS if "modes_kl" in there else _FIRST
    return [name for name in first if name in there] + [n for n in there if n not in first]


def mean_and_std(entry: dict[str, Any] | None) -> str:
    """Such as '9.16 ± 0.4'; the mean alone of a single seed, '–' without a value."""
    if entry is None:
        return "–"
    if entry["std"] is None:
        return number(entry["mean"])
    return f"{number(entry['mean'])} ± {number(entry['std'], 2)}"


def interval(entry: dict[str, Any] | None) -> str:
    """Such as '8.1 to 10.2', the 95 % interval of the mean; '–' without one."""
    if entry is None or entry["ci"] is None:
        return "–"
    return " to ".join(number(bound) for bound in entry["ci"])


def verdict(content: dict[str, Any]) -> str:
    """What came out, in a sentence or three."""
    settings = content["settings"]
    if "best" not in content:
        lost = sum(len(setting["diverged"]) for setting in settings)
        return f"Not judged. {_lost(lost, len(content['members']))}".strip()
    by_name = {setting["name"]: setting for setting in settings}
    best = content["best"]
    winner = by_name[best["setting"]]
    entry = winner["metrics"][HEADLINE]
    seeds = f"{entry['n']} seed" + ("s" if entry["n"] > 1 else "")
    about = f"mean {HEADLINE} {mean_and_std(entry)} over {seeds}"
    if entry["ci"]:
        about += f", 95 % interval {interval(entry)}"
    if len(settings) == 1:
        text = f"{about[0].upper()}{about[1:]}."
    else:
        text = f"{best['setting']} is the best of {len(settings)} settings: {about}. "
        text += _runner_up(best, by_name)
    lost = sum(len(setting["diverged"]) for setting in settings)
    return f"{text} {_lost(lost, len(content['members']))}".strip()


def _runner_up(best: dict[str, Any], by_name: dict[str, dict]) -> str:
    passed = ""
    if best["passed_over"]:
        passed = f" Not ranked, as seeds of theirs diverged: {'; '.join(best['passed_over'])}."
    if best["runner_up"] is None:
        return f"No other is left to compare it with.{passed}"
    second = by_name[best["runner_up"]]["metrics"][HEADLINE]
    text = f"The runner-up is {best['runner_up']} with {mean_and_std(second)}; "
    if best["intervals_overlap"] is None:
        return f"{text}how surely it is worse cannot be said from a single seed.{passed}"
    if best["intervals_overlap"]:
        return f"{text}the intervals overlap, so the order of the two is not certain.{passed}"
    return f"{text}the intervals do not overlap.{passed}"


def _lost(lost: int, count: int) -> str:
    return f"{lost} of {count} members diverged." if lost else ""


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


def members_table(content: dict[str, Any]) -> str:
    """The content of eval.json as text: a line a setting with its seeds, then the verdict."""
    metrics = ordered_metrics(content)[:4]
    seeds = content["settings"][0]["seeds"]
    shown = metrics[0] if metrics else HEADLINE
    rows = [["setting", *metrics, *(f"{shown}, seed {seed}" for seed in seeds)]]
    for setting in content["settings"]:
        cells = [mean_and_std(setting["metrics"].get(name)) for name in metrics]
        cells += [seed_cell(setting, shown, seed, content["members"]) for seed in seeds]
        rows.append([setting["name"], *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, verdict(content)])
