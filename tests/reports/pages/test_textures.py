"""The page about textures: what it says, that scales agree, and that odd data does not break it."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.metrics.overlap import OVERLAPPING
from gan_jax.metrics.texture.cooccurrence import PROPERTIES, cooccurrence_statistics
from gan_jax.metrics.texture.spectrum import radial_spectrum
from gan_jax.metrics.texture.statistics import TextureStatistics
from gan_jax.reports.pages.textures import (
    Outliers,
    TextureReport,
    averaged_properties,
    texture_verdict,
    write_texture_report,
)
from gan_jax.reports.words import in_words
from tests.reports.reading import read_page
from tests.results import headline


def _images(n=12, height=24, width=24, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, height, width, channels), dtype=np.uint8)


def _entry(value, floor, ci=None, n=50):
    return {"value": value, "floor": floor, "ci": ci, "n": n}


def _evaluation(**metrics):
    metrics = metrics or {
        "texture_fd": _entry(8.0, 2.0, [7.0, 9.0]),
        "spectrum_fd": _entry(3.0, 1.0),
        "cooccurrence_fd": _entry(7.0, 1.0),
        "patterns_fd": _entry(90.0, 1.0),
        "laplacian_swd": _entry(0.3, 0.2),
        "fd_semantic": _entry(5.0, 2.5),
        "class_histogram": {"value": [3, 4], "n": 7},
    }
    return {"metrics": metrics, "protocol": {"seed": 3, "textures": {"crop": "24 x 24"}}}


def _report(**changes):
    """A page without charts, which take most of the time."""
    fields = {
        "title": "grass against brick",
        "evaluation": _evaluation(),
        "real": _images(seed=1),
        "samples": _images(seed=2),
        "config": {"batch_size": 64},
        "environment": {"jax": "0.10.2"},
    }
    return TextureReport(**fields | changes)


def _full_report():
    real, samples = _images(seed=1), _images(seed=2)
    return _report(
        large=[_images(1, 96, 192)[0]],
        spectra=[radial_spectrum(side) for side in (real, samples)],
        real_properties=cooccurrence_statistics(real),
        properties=cooccurrence_statistics(samples),
        outliers=Outliers(samples[:2], np.array([3.5, 2.5]), real[[[0, 1], [2, 3]]], 1.25),
        history=[{"step": s, "loss/discriminator": 1.3} for s in range(3)],
    )


def _written(path, report):
    write_texture_report(path, report)
    return read_page(path)


def test_a_page_of_every_part(tmp_path):
    text = _written(tmp_path / "report.html", _full_report()).text
    for part in (
        "grass against brick", "Real and generated", "One large sample", "192 × 96", "How good",
        "texture_fd", "4.0 ×", "7.00 to 9.00", "Diagnostic only", "By the recogniser", "crop",
        "24 x 24", "Frequencies", "Power spectrum", "Grey values side by side", "At 1 pixel",
        "At 4 pixels", "correlation", "Farthest from the reference", "distance 3.50", "is at 1.25",
        "Training", "Setup", "batch_size",
    ):  # fmt: skip
        assert part in text, part
    assert "class_histogram" not in text  # a list is no number


def test_parts_without_data_are_left_out(tmp_path):
    bare = TextureReport("bare", {"metrics": {}}, _images(), _images(seed=5))
    text = _written(tmp_path / "report.html", bare).text
    assert "Real and generated" in text and "texture_fd was not computed" in text
    for part in ("large", "How good", "Frequencies", "Grey values", "Farthest", "Training"):
        assert part not in text, part


def test_training_images_have_a_column_where_they_were_judged(tmp_path):
    assert "training images" not in _written(tmp_path / "p.html", _report()).text
    metrics = {"texture_fd": _entry(9.0, 2.0) | {"training": 6.125}}
    text = _written(tmp_path / "p.html", _report(evaluation=_evaluation(**metrics))).text
    assert "training images" in text and "6.12" in text


@pytest.mark.parametrize(("side", "magnified"), [(16, 8), (24, 5), (64, 2), (100, 1), (128, 1)])
def test_both_sides_are_shown_pixel_for_pixel_at_one_scale(side, magnified, tmp_path):
    real, samples = _images(12, side, side, seed=1), _images(12, side, side, seed=2)
    reader = _written(tmp_path / "p.html", _report(real=real, samples=samples))
    generated, reference = reader.pictures()[:2]
    assert generated.shape == reference.shape
    assert generated.shape[1] <= 520  # else the browser would shrink it
    for picture, images in ((generated, samples), (reference, real)):
        first = picture[: side * magnified, : side * magnified]
        np.testing.assert_array_equal(
            first, images[0, ..., 0].repeat(magnified, 0).repeat(magnified, 1)
        )


def test_a_large_sample_has_the_scale_of_the_crops(tmp_path):
    large = _images(1, 256, 512)[0]
    sixty_four = dict(real=_images(4, 64, 64), samples=_images(4, 64, 64, seed=3))
    pictures = _written(tmp_path / "p.html", _report(large=[large], **sixty_four)).pictures()
    np.testing.assert_array_equal(pictures[2], large[..., 0].repeat(2, 0).repeat(2, 1))


def test_several_large_samples(tmp_path):
    large = [_images(1, 64, 64, seed=s)[0] for s in range(3)]
    reader = _written(tmp_path / "p.html", _report(large=large))
    assert "Large samples" in reader.text and reader.text.count("64 × 64") == 3


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colour_and_other_channels(channels, tmp_path):
    real, samples = _images(channels=channels), _images(channels=channels, seed=4)
    found = Outliers(samples[:1], np.array([1.0]), real[None, :2], 1.0)
    _written(tmp_path / "p.html", _report(real=real, samples=samples, outliers=found))


def test_names_cannot_break_the_page(tmp_path):
    hostile = "<script>alert('x')</script> & $a_b$"
    reader = _written(tmp_path / "p.html", _report(title=hostile, environment={hostile: hostile}))
    assert hostile in reader.text


def test_one_picture_a_side(tmp_path):
    one = _images(1)
    found = Outliers(one, np.array([0.0]), one[None], 0.0)
    _written(tmp_path / "p.html", _report(real=one, samples=one, outliers=found))


# What it opens with


def test_the_first_sentence_is_the_tests_and_no_ratio(tmp_path):
    judged = {"headline": headline(0.7), "flags": [{"name": "x", "text": "They overlap."}]}
    evaluation = _evaluation() | judged | {"protocol": {"seed": 3}}
    text = _written(tmp_path / "p.html", _report(evaluation=evaluation)).text
    told, size = "Told from real images (p = 0.001;", in_words(headline(0.7)).numbers[0][0]
    assert text.index("They overlap.") < text.index(told) < text.index("Real and generated")
    assert size in text and "4.0 ×" not in text[: text.index("Real and generated")]
    assert "as good as" not in text and "diagnostic" not in text[: text.index(told)]


def test_a_run_that_another_judge_opens_keeps_both(tmp_path):
    """Its page about textures opens with these, and the terminal ends with them."""
    own, textures = headline(0.3), headline(2.0)
    textures["training"] = headline(1.5)
    evaluation = _evaluation() | {
        "headline": own, "flags": [], "textures": {"headline": textures, "flags": []},
    }  # fmt: skip
    verdict = texture_verdict(evaluation)
    assert verdict == f"As textures: {in_words(textures).verdict}"
    text = _written(tmp_path / "p.html", _report(evaluation=evaluation)).text
    assert in_words(textures).verdict in text and in_words(own).verdict not in text
    rest = in_words(textures["training"]).verdict[1:]
    assert f"Training images in place of generated ones: t{rest}" in text
    textures["training"] = headline(0.01, verdict="not told apart", p=0.5)
    text = _written(tmp_path / "p.html", _report(evaluation=evaluation)).text
    assert "Training images in place of generated ones: not told from real ones (p = 0.5)." in text


def test_what_is_missing_is_said():
    skipped = {"laplacian": "too small", "texture_fd": "missing", "cooccurrence": "all constant."}
    evaluation = {"metrics": {}, "protocol": {"skipped": skipped}}
    assert texture_verdict(evaluation) == "texture_fd was not computed: all constant."
    flag = {"name": OVERLAPPING, "text": "They overlap.", "apart": False}
    untested = _evaluation() | {"textures": {"headline": {}, "flags": [flag]}}
    assert "nothing can be tested" in texture_verdict(untested)
    assert texture_verdict(_evaluation()) == "There is no test of the images as textures."


def test_properties_are_averaged_over_directions_of_their_own_distance():
    names = ("contrast_d1_0", "contrast_d1_90", "contrast_d16_0", "ASM_d1_0", "other_d1_x")
    statistics = TextureStatistics(names, np.array([[1.0, 3.0, 100.0, 7.0, 9.0]]))
    found = averaged_properties(statistics, 1)
    assert {name: values.tolist() for name, values in found.items()} == {
        "contrast": [2.0],
        "ASM": [7.0],
    }
    assert tuple(averaged_properties(cooccurrence_statistics(_images(2)), 4)) == PROPERTIES


def test_sides_of_different_shapes_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"\(24, 24, 1\).*\(24, 24, 3\)"):
        write_texture_report(tmp_path / "p.html", _report(samples=_images(channels=3)))
    assert not list(tmp_path.iterdir())
