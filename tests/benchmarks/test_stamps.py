"""Numbers that readers compare are by the judges that everybody has, and say so."""

import pathlib
import re

import pytest

from gan_jax.extractors.pack import load_pack
from gan_jax.extractors.released import released_names

ROOT = pathlib.Path(__file__).resolve().parents[2]
STAMP = re.compile(r"[a-z0-9]+-v\d+@[0-9a-f]{8}")
# A Fréchet distance with its number, in a sentence or in a table under a head that names it.
NUMBER = re.compile(r"fd_(?:semantic|texture)`?(?: \[?\(?(?:floor )?| \| )\d+\.?\d*")
# Images of one's own have a judge of their own.
OWN = {"configs/folder.py"}
# Further trainings of a released judge, whose order of the recipes is compared with its own.
FURTHER = re.compile(r"\d trainings of the judge \([^)]*\)")


def pages():
    found = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "configs").glob("*.py")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


@pytest.mark.parametrize("page", pages())
def test_numbers_are_by_released_judges(page):
    text = FURTHER.sub("", (ROOT / page).read_text())
    released = {load_pack(name).stamp for name in released_names()}
    stamps = set(STAMP.findall(text))
    assert stamps <= released
    if NUMBER.search(text) and page not in OWN:
        assert stamps, f"{page} has a Frechet distance and names no judge"
