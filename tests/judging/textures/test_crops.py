"""Cutting what a user names as a texture: the crops are those of the pictures, however they lie."""

import numpy as np
import pytest
from PIL import Image

from gan_jax.errors import InputError
from gan_jax.judging.textures.crops import Cutting, crop_size, cut_crops, open_side, usual_split

RNG = np.random.default_rng(0)


def cut(path, cutting):
    side = open_side(str(path), "all", cutting)
    return cut_crops(side, crop_size([side, side], cutting), cutting)


@pytest.mark.parametrize(
    "cutting", [Cutting(crop=8), Cutting(crop=8, num_crops=51), Cutting(crop=8, num_crops=5000)]
)
def test_names_and_order_of_photographs_do_not_change_the_crops(tmp_path, cutting):
    photographs = [RNG.integers(0, 256, (48, 40 + 5 * extra), np.uint8) for extra in range(4)]
    crops = []
    for letters in ("abcd", "dbac"):
        (tmp_path / letters).mkdir()
        for photograph, letter in zip(photographs, letters):
            Image.fromarray(photograph).save(tmp_path / letters / f"{letter}.png")
        crops.append(cut(tmp_path / letters, cutting))
    np.testing.assert_array_equal(*crops)


def test_of_a_large_set_the_same_images_are_taken_in_any_order(tmp_path):
    images = RNG.integers(0, 256, (2100, 6, 6), np.uint8)
    crops = []
    for rows in (np.arange(2100), RNG.permutation(2100)):
        np.save(tmp_path / "a.npy", images[rows])
        crops.append(cut(tmp_path / "a.npy", Cutting()))
    assert len(crops[0]) == 2000
    np.testing.assert_array_equal(*crops)


def test_an_array_with_parts_of_its_own_is_a_reference_by_its_test_part(tmp_path):
    images = RNG.integers(0, 256, (30, 6, 6), np.uint8)
    np.savez(tmp_path / "parts.npz", x_train=images[:20], x_test=images[20:])
    np.savez(tmp_path / "whole.npz", images=images)
    for name, count, split in (("parts", 10, "test"), ("whole", 30, "all")):
        path = f"{tmp_path}/{name}.npz"
        side = open_side(path, usual_split(path), Cutting())
        assert len(side.pictures.names) == count and side.split == split


def test_a_folder_is_divided_by_any_usual_names(tmp_path):
    for number, part in enumerate(("Training", "val")):
        (tmp_path / part).mkdir()
        Image.fromarray(np.full((80, 80), 100 + number, np.uint8)).save(tmp_path / part / "a.png")
    assert usual_split(str(tmp_path)) == "test"
    for split, value in (("train", 100), ("test", 101)):
        side = open_side(str(tmp_path), split, Cutting())
        assert side.pictures.read(0)[0, 0, 0] == value
    with pytest.raises(InputError, match="subfolders 'Training' and 'val': give the one"):
        open_side(str(tmp_path), "all", Cutting())
