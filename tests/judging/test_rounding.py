"""Another machine rounds features otherwise; a judgement of the same images stays the same."""

import numpy as np
import pytest
from scipy import ndimage

from gan_jax.data import load
from gan_jax.extractors.common import Features
from gan_jax.extractors.pack import load_pack
from gan_jax.judging.class_agreement import judge_asked
from gan_jax.judging.judge import make_judge


class _OtherMachine:
    """An extractor whose features differ in the last digits of float32."""

    def __init__(self, extractor):
        self._extractor, self._rng = extractor, np.random.default_rng(0)

    def __getattr__(self, name):
        return getattr(self._extractor, name)

    def features(self, images, **options):
        found = self._extractor.features(images, **options)
        layers = (found.semantic, found.texture, found.probabilities)
        return Features(*(self._rounded(layer) for layer in layers))

    def _rounded(self, values):
        return np.float32(values * (1 + 1e-6 * self._rng.standard_normal(values.shape)))


def test_numbers_do_not_depend_on_how_features_were_rounded():
    """Draws go by the images' content: by that of the features, floors moved by 7 %."""
    train, test = load({"name": "mnist5k"}, "train"), load({"name": "mnist5k"}, "test")
    images = ndimage.gaussian_filter(train.images[:1000], (0, 0.5, 0.5, 0))
    pack = load_pack("mnist-v1")
    options = {"families": None, "training": train, "complete": True}
    here, there = (
        judge_asked(make_judge(one, test), images, train.labels[:1000], train, **options)
        for one in (pack, _OtherMachine(pack))
    )
    compared = 0
    for name, entry in here.metrics.items():
        for key in ("value", "floor", "real"):
            if isinstance(entry.get(key), float):
                assert there.metrics[name][key] == pytest.approx(entry[key], rel=1e-4), name
                compared += 1
    assert compared > 25
    assert there.headline["test"] == pytest.approx(here.headline["test"], rel=1e-4)
    assert there.headline["size"]["strength"] == pytest.approx(
        here.headline["size"]["strength"], rel=1e-4
    )
    for name, entry in here.metrics["class_agreement"]["classes"].items():
        assert there.metrics["class_agreement"]["classes"][name]["p"] == pytest.approx(entry["p"])
