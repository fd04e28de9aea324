"""Rows of images with their names, as a picture and on the page."""

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.reports.class_pictures import ClassPictures, NamedRows, picture
from gan_jax.reports.pages.classes import agreement_section, samples_section, walks_section


def _images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_images_stand_beside_their_names(channels):
    rows = NamedRows(("zero", "longer"), _images(2, 3, 14, 9, channels))
    shown = picture(rows)
    assert shown.dtype == np.uint8 and shown.shape[::2] == (2 * 15 - 1, channels)
    margin = shown.shape[1] - (3 * 10 - 1)
    assert 20 < margin < 60
    for row in range(2):
        for column in range(3):
            top, left = row * 15, margin + column * 10
            np.testing.assert_array_equal(
                shown[top : top + 14, left : left + 9], rows.images[row, column]
            )
        name = shown[row * 15 : row * 15 + 14, :margin]
        assert (name < 128).sum() > 15
    inked = [(shown[top : top + 14, :margin] < 128).any((0, 2)).sum() for top in (0, 15)]
    assert inked[0] < inked[1]  # the longer name


def test_small_images_are_magnified_to_the_height_of_a_name():
    shown = picture(NamedRows(("a", "b"), _images(2, 2, 4, 4, 1)))
    assert shown.shape[0] == 3 * (2 * 5 - 1)


@pytest.mark.parametrize("name", ["", "a" * 200, "\u732b", "caf\u00e9", "<b>"])
def test_any_name_can_be_written(name):
    shown = picture(NamedRows((name,), _images(1, 1, 16, 16, 1)))
    assert shown.shape[0] == 16 and shown.shape[1] < 16 + 250


def test_rows_that_cannot_be():
    with pytest.raises(InputError, match="2 names"):
        NamedRows(("a", "b"), _images(1, 1, 4, 4, 1))
    with pytest.raises(InputError, match="at least one image"):
        NamedRows(("a",), _images(1, 0, 4, 4, 1))


def test_the_page_names_every_row():
    rows = NamedRows(("<zero>", "one"), _images(2, 3, 8, 8, 1))
    pictures = ClassPictures(rows, rows, rows, NamedRows(("zero to one",), rows.images[:1]))
    samples, walks = samples_section(pictures), walks_section(pictures)
    assert samples.count("&lt;zero&gt;") == 2 and samples.count("<img") == 4
    assert "zero to one" in walks and walks.count("<img") == 3
    assert "<zero>" not in samples + walks


def test_the_page_begins_with_the_class_that_is_found_least():
    part = {"ci": [0.1, 0.9], "n": 10}
    classes = {
        "cat": part | {"value": 0.9, "taken_for": "dog", "real": 0.95},
        "dog": part | {"value": 0.3, "taken_for": None},
    }
    page = agreement_section({"value": 0.6, "classes": classes})
    assert page.index("<b>dog</b>") < page.index("<b>cat</b>")
    assert "30.0 %" in page and "95.0 %" in page
    assert agreement_section({}) == ""
