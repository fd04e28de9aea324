"""What a protocol always holds."""

import json

import numpy as np
import pytest

import gan_jax
from gan_jax.data import Dataset
from gan_jax.judging.protocol import make_protocol
from gan_jax.studies.recognition.numbers import recognition_protocol
from tests.packs import untrained_pack

REFERENCE = Dataset("real", "test", np.arange(48, dtype=np.uint8).reshape(3, 4, 4, 1))
WHOLE = {"seed": 3, "images": 7, "preprocessing": "none", "reference": REFERENCE}


def test_what_flows_have_in_common():
    found = make_protocol({"task": "any", "images": "other"}, **WHOLE)
    assert (
        found
        == json.loads(json.dumps(found))
        == {
            "task": "any",
            "images": 7,  # nothing that a flow adds takes the place of these
            "preprocessing": "none",
            "reference": "real",
            "reference_split": "test",
            "reference_fingerprint": REFERENCE.fingerprint,
            "reference_images": 3,
            "seed": 3,
            "gan_jax": gan_jax.__version__,
        }
    )
    alone = make_protocol({}, seed=(0, 1), images=2, preprocessing="none", reference=None)
    assert alone["seed"] == [0, 1] and alone["reference"] is None and alone["reference_images"] == 0


@pytest.mark.parametrize("left_out", WHOLE)
def test_nothing_can_be_left_out(left_out):
    with pytest.raises(TypeError, match=left_out):
        make_protocol({}, **{name: value for name, value in WHOLE.items() if name != left_out})


def test_a_recognition_names_its_recognisers_and_what_they_saw(tmp_path):
    packs = [untrained_pack(tmp_path / str(seed), seed=seed) for seed in (0, 1)]
    found = recognition_protocol({"seed": 5, "resize": "none"}, packs, images=9, reference=None)
    assert found["seed"] == 5 and found["images"] == 9 and found["resize"] == "none"
    assert found["preprocessing"] == "uint8 / 127.5 - 1, no resizing"
    assert found["recognisers"] == {pack.stamp: pack.digest for pack in packs}
    given = recognition_protocol({}, packs, images=9, reference=REFERENCE)
    assert given["seed"] is None and given["reference_fingerprint"] == REFERENCE.fingerprint
