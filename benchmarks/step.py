"""The article's GAN step against PyTorch, in turn on the same machine.

    python -m benchmarks.step --torch-python PATH [--rounds 3] [--seconds 10]

Each measurement is a process of its own; they take turns, and the median of the ratios of
neighbours is what counts, as machines drift. The result goes to benchmarks/results/.
"""

import argparse
import datetime
import json
import pathlib
import statistics
import subprocess
import sys

from gan_jax.environment import describe_environment

_HERE = pathlib.Path(__file__).parent


def measure(python: str, script: str, batch_size: int, seconds: float) -> dict:
    """What one process of a peer prints."""
    command = [python, str(_HERE / "peers" / script), str(batch_size), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Runs the rounds, prints the medians and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", default=sys.executable, help="a Python with PyTorch")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    flags = parser.parse_args()
    rounds = []
    for number in range(flags.rounds):
        ours = measure(sys.executable, "jax_article.py", flags.batch_size, flags.seconds)
        torch = measure(flags.torch_python, "torch_article.py", flags.batch_size, flags.seconds)
        ratio = ours["images_per_second"] / torch["images_per_second"]
        rounds.append({"gan_jax": ours, "torch": torch, "ratio": ratio})
        print(
            f"round {number + 1}: gan_jax {ours['images_per_second']:.0f} images/s, "
            f"torch eager {torch['images_per_second']:.0f} images/s, ratio {ratio:.2f}"
        )
    result = {
        "work": "article GAN, discriminator then generator update, float32",
        "batch_size": flags.batch_size,
        "date": datetime.date.today().isoformat(),
        "environment": describe_environment(),
        "median_ratio": statistics.median(r["ratio"] for r in rounds),
        "rounds": rounds,
    }
    path = _HERE / "results" / f"article_cpu_{result['date']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"median ratio {result['median_ratio']:.2f}; {path}")


if __name__ == "__main__":
    main()
