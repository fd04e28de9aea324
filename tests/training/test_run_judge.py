"""The judges of a run before any training: which config makes the one that is not there yet."""

import pytest

from gan_jax.config import cnn_config, gan_config
from gan_jax.data import load
from gan_jax.errors import InputError
from gan_jax.training.run_judge import check_judges, recipes


def _config(root, *packs, beside):
    config = gan_config()
    config.judge.pack = ",".join(one if "-v" in one else str(root / one / "pack") for one in packs)
    config.judge.train = cnn_config()
    if beside:
        config.judge.train_beside = cnn_config()
        config.judge.train_beside.name = "beside"
    for part in (config, config.judge.train, config.judge.train_beside)[: 2 + beside]:
        part.dataset.name = "mnist5k"
    return config


def test_the_second_judge_has_a_config_of_its_own(tmp_path):
    config = _config(tmp_path, "mnist-v1", "one", "other", beside=True)
    names = [recipe.name for recipe in recipes(config).values()]
    assert names[1:] == [config.judge.train.name, "beside"]
    found = check_judges(config, load(config.dataset, "train"))
    assert [one is None for one in found.values()] == [False, True, True]


def test_one_config_does_not_make_two_judges(tmp_path):
    config = _config(tmp_path, "one", "other", beside=False)
    with pytest.raises(InputError, match=r"same network of both.*config.judge.train_beside"):
        check_judges(config, load(config.dataset, "train"))
