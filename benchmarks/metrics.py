"""Metrics against the usual implementations: time and peak memory, side by side.

    python -m benchmarks.metrics [--only frechet|neighbours] [--rows 10000] [--features 2048]

The Fréchet distance from moments beside the published formula with scipy.linalg.sqrtm, and the four
neighbourhood scores beside the prdc package (left out where it is not installed: pip install
'gan_jax[parity]'). Each measurement is a process of its own, so that its peak memory is its own.
The result goes to benchmarks/results/.
"""

import argparse
import datetime
import json
import pathlib
import resource
import subprocess
import sys
import time

import numpy as np

from gan_jax.runtime.environment import describe_environment

_RESULTS = pathlib.Path(__file__).parent / "results"


def _features(rows: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Two float32 sets whose variances span two decades, as those of deep features do."""
    rng = np.random.default_rng(0)
    scales = np.logspace(0, -1, width, dtype=np.float32)
    sets = []
    for shift in (0.0, 0.05):
        features = rng.standard_normal((rows, width), np.float32)  # in place: no peak of its own
        features *= scales
        features += np.float32(shift)
        sets.append(np.maximum(features, 0, out=features))
    return sets[0], sets[1]


def _moments(rows: int, width: int):
    from gan_jax.metrics import Moments

    return tuple(Moments.of(features) for features in _features(rows, width))


def _frechet_ours(rows: int, width: int):
    from gan_jax import metrics

    sides = _moments(rows, width)
    return lambda: metrics.frechet_distance_from_moments(*sides)


def _frechet_sqrtm(rows: int, width: int):
    import scipy.linalg

    a, b = _moments(rows, width)

    def distance() -> float:
        s1, s2 = a.covariance(), b.covariance()
        root = np.real(scipy.linalg.sqrtm(s1 @ s2))
        return float(np.sum((a.mean - b.mean) ** 2) + np.trace(s1 + s2) - 2 * np.trace(root))

    return distance


def _neighbours_ours(rows: int, width: int):
    import dataclasses

    from gan_jax import metrics

    real, fake = _features(rows, width)
    return lambda: dataclasses.asdict(
        metrics.neighbour_scores(real, fake, precision_k=5, density_k=5, strict=True)
    )


def _neighbours_prdc(rows: int, width: int):
    import prdc

    real, fake = _features(rows, width)
    return lambda: {
        name: float(value)
        for name, value in prdc.compute_prdc(
            real_features=real, fake_features=fake, nearest_k=5
        ).items()
    }


_CASES = {
    "frechet": {"gan_jax": _frechet_ours, "scipy sqrtm": _frechet_sqrtm},
    "neighbours": {"gan_jax": _neighbours_ours, "prdc": _neighbours_prdc},
}


def measure(case: str, peer: str, rows: int, width: int) -> dict:
    """In this process: value, seconds, and MiB at the peak beyond those before the call."""
    _CASES[case][peer](600, 512)()  # libraries load and threads start before the clock does
    work = _CASES[case][peer](rows, width)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    value = work()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"value": value, "seconds": seconds, "extra_mib": (peak - before) / 1024,
            "peak_mib": peak / 1024}  # fmt: skip


def main() -> None:
    """Measures each peer in a process of its own, prints a table and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=sorted(_CASES))
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--one", nargs=2, metavar=("CASE", "PEER"), help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.one:
        print(json.dumps(measure(*flags.one, flags.rows, flags.features)))
        return
    result = {
        "rows": flags.rows,
        "features": flags.features,
        "date": datetime.date.today().isoformat(),
        "environment": describe_environment(),
        "cases": {},
    }
    size = ["--rows", str(flags.rows), "--features", str(flags.features)]
    for case, peers in _CASES.items():
        if flags.only not in (None, case):
            continue
        entries = {}
        for peer in peers:
            command = [sys.executable, "-m", "benchmarks.metrics", *size, "--one", case, peer]
            done = subprocess.run(command, capture_output=True, text=True)
            if "No module named 'prdc'" in done.stderr:
                print(f"{case}: {peer} is not installed and was left out")
                continue
            if done.returncode:
                sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
            entries[peer] = json.loads(done.stdout.splitlines()[-1])
            entry = entries[peer]
            print(
                f"{case:<11} {peer:<12} {entry['seconds']:8.2f} s  {entry['extra_mib']:7.0f} MiB "
                f"more, {entry['peak_mib']:6.0f} MiB at the peak  {entry['value']}",
                flush=True,
            )
        if len(entries) == 2:
            ours, theirs = entries.values()
            entries["speedup"] = theirs["seconds"] / ours["seconds"]
            print(f"{case}: {entries['speedup']:.1f} times as fast")
        result["cases"][case] = entries
    which = f"_{flags.only}" if flags.only else ""
    path = _RESULTS / f"metrics{which}_{result['date']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    main()
