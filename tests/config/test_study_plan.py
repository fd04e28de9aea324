"""What a study trains and compares, and which of its configs are refused; no training."""

import dataclasses

import pytest

from configs import augmentation_study
from gan_jax.config import study_config
from gan_jax.config.checks import check_config
from gan_jax.config.study_plan import Added, Arm, Question, arms_of, cells_of, groups_of, pairs_of
from gan_jax.config.study_settings import gan_run_config, recogniser_config
from gan_jax.errors import InputError


def test_the_default_study_has_every_arm_of_every_size_and_seed():
    config = study_config()
    names = [arm.name for arm in arms_of(config)]
    assert names == [
        "real", "classical", "gan_0.5", "gan_1", "gan_4", "agreement_1", "rejection_1",
        "classical+gan_1", "classical+agreement_1", "classical+rejection_1",
        "real_longer", "classical_longer",
    ]  # fmt: skip
    cells = cells_of(config)
    assert len(cells) == len({cell.name for cell in cells}) == 4 * 3 * 12
    sizes = [group.size for group in groups_of(config)]
    assert sizes == [size for size in (100, 300, 1000, 3000) for _ in range(3)]


def test_each_arm_with_generated_images_is_compared_with_its_own_training_without():
    pairs = pairs_of(study_config())
    arms = arms_of(study_config())
    for question, longer in ((Question.ADDING, False), (Question.CONTROL, True)):
        asked = [pair for pair in pairs if pair.question is question]
        assert len(asked) == sum(arm.added is not Added.NONE for arm in arms)
        for pair in asked:
            assert pair.against == Arm(classical=pair.arm.classical, longer=longer)
    for pair in pairs:
        assert {pair.arm, pair.against} <= set(arms)
        if pair.question is Question.FILTERING:
            assert pair.against == dataclasses.replace(pair.arm, added=Added.GAN)


def test_the_mixed_ratio_is_trained_unfiltered_too():
    config = study_config()
    config.ratios, config.mixed_ratio = (0.5,), 2.0
    names = [arm.name for arm in arms_of(config)]
    assert {"gan_0.5", "gan_2", "agreement_2", "classical+gan_2"} <= set(names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": ()}, "config.sizes is"),
        ({"sizes": (300, 100)}, "ascending"),
        ({"sizes": (0.5,)}, "config.sizes"),
        ({"ratios": (1.0, -1.0)}, "config.ratios"),
        ({"pool_ratio": 2.0}, "pool_ratio is 2.0, less than"),
        ({"num_seeds": 0}, "num_seeds is 0"),
        ({"gan.model.conditional": ""}, "images without a class"),
        ({"filters.recognisers": 0}, "filters.recognisers"),
        ({"filters.confidence": 1.0}, "filters.confidence"),
        ({"filters.acceptance": 0.0}, "filters.acceptance"),
        ({"control.most": 0.5}, "config.control.most is 0.5; expected 1 or more times"),
        ({"recogniser.num_steps": 0}, "config.recogniser.num_steps is 0"),
        ({"gan.batch_size": 0}, "config.gan.batch_size is 0"),
    ],
)
def test_configs_that_cannot_work(changes, message):
    config = study_config()
    config.update_from_flattened_dict(changes)
    with pytest.raises(InputError, match=message):
        check_config(config)


def test_a_mistyped_field_is_named():
    config = study_config()
    config.gan.augment.translations = 0.1
    with pytest.raises(InputError, match="Did you mean config.gan.augment.translation"):
        check_config(config)


def test_arms_without_classical_augmentation_have_none(tmp_path):
    config = augmentation_study.get_config()
    check_config(config)
    with_it, without = (recogniser_config(config, classical=flag) for flag in (True, False))
    assert with_it.augment.rotation > 0 and not any(
        value for name, value in without.augment.items() if name not in ("fill", "probability")
    )
    with_it.augment = without.augment
    assert with_it.to_dict() == without.to_dict()


def test_the_gan_sees_the_subset_and_no_judge(tmp_path):
    config = augmentation_study.get_config()
    own = gan_run_config(config, tmp_path / "subset.npz", 2)
    assert own.seed == 2 and own.dataset.path == str(tmp_path / "subset.npz")
    assert own.judge.pack == "" and own.evaluation.every == 0
    assert own.augment.cutout == config.gan.augment.cutout
