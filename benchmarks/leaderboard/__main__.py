"""Makes docs/leaderboard.md from result files, and the result files from trainings.

    python -m benchmarks.leaderboard                                   # the page, from result files
    python -m benchmarks.leaderboard --train [--sets mnist5k] [--recipes article,dcgan] \
        [--runs runs/leaderboard] [--judges PACK,PACK] [--busy] [-- --config.num_seeds=2 ...]

`--train` trains the recipes of configs/recipes.py that are not trained yet (a run that was cut goes
on where it was left), judges what needs no training, and writes a result file for each to
benchmarks/results/leaderboard. `--judges` are further trainings of the released pack's config,
whose order of the recipes is compared with its own. Arguments after `--` go to train.py.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

from benchmarks.leaderboard import page, rows
from benchmarks.machine import MachineBusy
from configs.recipes import JUDGES, RECIPES, RECIPES_OF, SETS


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains where it is asked to, and makes the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.leaderboard", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--train", action="store_true", help="train and judge what is missing")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs/leaderboard"))
    parser.add_argument("--judges", default="", help="packs beside the released one, with commas")
    parser.add_argument("--busy", action="store_true", help="on a busy machine too; marks times")
    parser.add_argument("rest", nargs="*", help="for train.py, after --")
    options = parser.parse_args(arguments)
    if options.train:
        for dataset in options.sets.split(","):
            chosen = [name for name in options.recipes.split(",") if name in RECIPES_OF[dataset]]
            for recipe in chosen:
                workdir = options.runs / dataset / recipe
                try:
                    status = rows.train(
                        f"{dataset}.{recipe}",
                        workdir,
                        [*_judges(dataset, options.judges), *options.rest],
                        busy=options.busy,
                    )
                except MachineBusy as error:
                    sys.exit(f"{dataset}.{recipe}: {error}")
                if status:
                    return status
                rows.write(rows.of_run(dataset, recipe, workdir))
            for row in rows.comparisons(dataset, options.judges):
                rows.write(row)
        page.draw_samples(options.runs)
    page.make()
    return 0


def _judges(dataset: str, judges: str) -> list[str]:
    if not judges:
        return []
    return [f"--config.judge.pack={JUDGES[dataset]},{judges}"]


if __name__ == "__main__":
    sys.exit(main())
