"""What is said of several judges of the same images."""

from gan_jax.reports.words import NOT_TOLD, TOLD, agreement_text


def _part(name, verdict, strength=None, flags=()):
    headline = {"verdict": verdict}
    if strength is not None:
        headline["size"] = {"damage": "blur", "strength": strength, "high": 1.0, "beyond": False}
    return {
        "headline": headline,
        "protocol": {"extractor": name},
        "flags": [{"name": flag} for flag in flags],
    }


def test_judges_that_agree_and_their_sizes():
    text = agreement_text([_part("a@1", TOLD, 0.44), _part("b@2", TOLD, 0.5)])
    assert text == (
        "The 2 judges agree: each can tell the images from real ones. By them it is as far from "
        "real as a blur of 0.44, 0.5 px, in turn."
    )
    assert "none can tell" in agreement_text([_part("a@1", NOT_TOLD, 0.1), _part("b@2", NOT_TOLD)])


def test_judges_that_disagree_are_named():
    text = agreement_text([_part("a@1", TOLD, 0.44), _part("b@2", NOT_TOLD)])
    assert text == ("The judges disagree: a@1 can tell the images from real ones, b@2 cannot.")


def test_one_judge_and_controls_say_nothing_of_agreement():
    assert agreement_text([_part("a@1", TOLD)]) == ""
    assert agreement_text([_part("a@1", TOLD), _part("random@0", TOLD, flags=["control"])]) == ""
