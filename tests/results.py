"""Made results of made runs, as eval.json and influences.npz hold them."""

import json

from gan_jax.reports.influences import save_influences

_SHA = "0123456789abcdef" * 4
REMOVED = object()


def protocol(**changes):
    """A protocol with some fields changed, or left out where they are REMOVED."""
    fields = {
        "extractor": "cnn-made@01234567",
        "extractor_sha256": _SHA,
        "extractor_accuracy": 0.98,
        "layers": {"semantic": "penultimate", "texture": "block2"},
        "preprocessing": "uint8 / 127.5 - 1, no resizing",
        "reference": "made",
        "reference_split": "test",
        "reference_fingerprint": "f" * 64,
        "reference_images": 1000,
        "extractor_trained_on_reference": False,
        "images": 2000,
        "frechet_n": 500,
        "frechet_halvings": 8,
        "floor": "mean distance between random halves of the reference, at the same n",
        "seed": 0,
        "gan_jax": "0.1.0",
        "step": 100,
    }
    return {k: v for k, v in (fields | changes).items() if v is not REMOVED}


def distances(semantic, texture=None, *, half=1.0, floor=2.0, n=500):
    """Metrics with fd_semantic and fd_texture, each +- half; no intervals where half is None."""
    values = {"fd_semantic": semantic, "fd_texture": semantic if texture is None else texture}
    return {
        name: {
            "value": value,
            "floor": floor,
            "ci": None if half is None else [value - half, value + half],
            "n": n,
        }
        for name, value in values.items()
    }


def headline(strength, *, verdict="told apart", p=0.001, error=0.01, n=2000):
    """A headline whose distance is the strength squared, on a ladder of blur up to 4."""
    value = strength**2
    ends = [max(value + side * 1.96 * error, 0.0) for side in (-1, 1)]
    low, high = (min(end**0.5, 4.0) for end in ends)
    return {
        "verdict": verdict,
        "test": {"p": p, "statistic": value, "n_real": 1000, "n_fake": n, "permutations": 999},
        "distance": {"value": value, "ci": [value - 1.96 * error, value + 1.96 * error], "n": n},
        "size": {
            "damage": "blur",
            "unit": "standard deviation in pixels",
            "strength": min(strength, 4.0),
            "low": low,
            "high": high,
            "beyond": strength > 4.0,
            "broken": {"low": low / 4, "share": min(strength / 4, 1.0), "high": high / 4},
        },
        "ladder": {
            "damage": "blur",
            "strengths": [0.5, 1.0, 2.0, 4.0],
            "distances": [0.25, 1.0, 4.0, 16.0],
        },
        "noticed": {"strength": 0.5, "broken": 0.1, "n": 250, "needed": 100},
    }


COPIED = {"name": "copied", "text": "12 images are copies of training images.", "apart": True}


def write_result(root, name, metrics, *, judges=(), parts=None, influences=None, **changes):
    """Writes a folder with a result, and returns the folder.

    Args:
        judges: (metrics, changes of the protocol) of further ones.
        parts: of eval.json besides metrics and protocol.
        influences: by metric, arrays [m].
        changes: of the protocol.
    """
    content = (parts or {}) | {"metrics": metrics, "protocol": protocol(**changes)}
    if judges:
        content["judges"] = [
            {"metrics": numbers, "protocol": protocol(**(changes | fields))}
            for numbers, fields in judges
        ]
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "eval.json").write_text(json.dumps(content))
    if influences:
        save_influences(folder, {content["protocol"]["extractor_sha256"]: influences})
    return folder


def other_judge(letter, accuracy=0.97, kind="cnn"):
    """The fields of a protocol that tell another judge."""
    stamp = f"{kind}@{letter * 8}"
    return {
        "extractor": stamp,
        "extractor_sha256": letter * 64,
        "extractor_accuracy": accuracy,
    }


def three_runs(root):
    """Headline: a < b < c. Judge 1 turns b and c, far apart; judge 2 a and b, close; a control."""
    one, two, control = other_judge("1"), other_judge("2"), other_judge("3", None, "random-cnn-s0")
    values = {
        "a": (10.0, 10.0, 20.5, 30.0),
        "b": (20.0, 30.0, 20.0, 20.0),
        "c": (30.0, 20.0, 40.0, 10.0),
    }
    return [
        write_result(
            root,
            name,
            distances(own, texture=own),
            judges=[
                (distances(first, texture=own), one),
                (distances(second, texture=own), two),
                (distances(third, texture=own), control),
            ],
        )
        for name, (own, first, second, third) in values.items()
    ]
