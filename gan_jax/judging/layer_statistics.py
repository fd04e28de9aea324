"""What a pack's layers say of held-out real images: kept in the pack, measured once.

The effective rank of a layer is the number of directions that its features really use, the floor
what a Fréchet distance in it comes to between real images and real ones.
"""

from __future__ import annotations

from typing import Any

from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.extractors.extractor import Extractor
from gan_jax.judging.judge import make_judge
from gan_jax.judging.suite import NUM_SPLITS
from gan_jax.judging.view import layers_of, standardise

LOW_RANK = 4.0


def layer_statistics(extractor: Extractor, test: Dataset) -> dict[str, dict[str, Any]]:
    """The statistics of both layers on real images, as a judge sees them.

    The images are those of a judgement by this reference (20,000 at most), and the floor is that of
    as many generated images as half of them, so both agree with eval.json then. All processes of a
    run call it together. `test` are images that the extractor was not trained on.

    Returns:
        By layer: 'features', their number d; 'effective_rank' (Roy & Vetterli 2007), from 0 to d;
        'floor', of the Fréchet distance with n images a side; 'n'; 'images', all that were used.
        Numbers have six digits. Empty for images of which no judge can be made: fewer than four, or
        all the same.
    """
    try:
        judge = make_judge(extractor, test)
    except InputError:
        return {}
    found = {}
    for layer, values in layers_of(judge.features).items():
        features = standardise(values, layer)
        covariance = metrics.Moments.of(features).covariance()
        floor = metrics.frechet_floor(features, num_splits=NUM_SPLITS, in_order=True)
        found[layer] = {
            "features": features.shape[1],
            # Further digits depend on the machine, and the pack's hash should not for nothing.
            "effective_rank": float(f"{metrics.effective_rank(covariance):.6g}"),
            "floor": float(f"{floor:.6g}"),
            "n": len(features) // 2,
            "images": len(features),
        }
    return found


def low_rank_warning(statistics: dict[str, dict[str, Any]]) -> str:
    """A sentence about layers whose effective rank is below 4; '' if none is.

    `statistics` come from `layer_statistics`; they are empty for a pack from before there were any.
    """
    low = [
        f"{layer} uses {entry['effective_rank']:.1f} of its {entry['features']} directions"
        for layer, entry in statistics.items()
        if entry["effective_rank"] < LOW_RANK
    ]
    if not low:
        return ""
    return (
        f"The layer {' and the layer '.join(low)} on real images: a Fréchet distance in so few "
        "sees little of an image. Run the gate on the pack before relying on it."
    )
