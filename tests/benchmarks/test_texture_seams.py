"""Where tiles meet: crops across borders against crops from the middles of tiles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.textures.seams import judge_seams, seam_crops
from gan_jax.errors import InputError
from gan_jax.sampling.textures import sample_texture
from tests.networks import TEXTURE

pytestmark = pytest.mark.usefixtures("quickly_compiled")

_TILE = 32


def _places(height, width):
    """An image [1, h, w, 2] whose every pixel says where it is."""
    return np.stack(np.indices((height, width)), axis=-1).astype(np.uint8)[None]


@pytest.mark.parametrize(("tile", "crop"), [(16, 0), (16, 16), (12, 4)])
def test_crops_lie_in_the_middle_of_tiles_and_across_their_borders(tile, crop):
    # Three whole tiles down and four across; the rest is cut off.
    crops = seam_crops(_places(3 * tile + 5, 4 * tile + 1), tile, crop=crop)
    side = crop or tile // 2
    assert crops.inside.shape == (3 * 4, side, side, 2)
    assert crops.across.shape == (3 * 3 + 2 * 4 + 2 * 3, side, side, 2)
    kinds = []
    for crop_places in (*crops.inside, *crops.across):
        first, last = crop_places[0, 0].astype(int), crop_places[-1, -1].astype(int)
        crossed = first // tile != last // tile
        middle = (first + last + 1) // 2
        assert (middle % tile == np.where(crossed, 0, tile // 2)).all()
        kinds.append(tuple(crossed.tolist()))
    assert set(kinds[:12]) == {(False, False)}
    assert set(kinds[12:]) == {(False, True), (True, False), (True, True)}


def test_by_default_no_pixel_is_in_two_crops():
    crops = seam_crops(_places(64, 64), 16)
    places = [tuple(p) for p in np.concatenate(crops).reshape(-1, 2).tolist()]
    assert len(set(places)) == len(places)


def test_every_image_gives_its_crops():
    images = np.repeat(_places(32, 32), 3, axis=0)
    images[1:] += np.uint8([100, 0])
    one, all_three = (seam_crops(i, 16) for i in (images[:1], images))
    assert [len(part) for part in all_three] == [3 * len(part) for part in one]
    assert (all_three.inside[..., 0] >= 100).mean() == pytest.approx(2 / 3)


def _waves(side, phase, rng):
    """Slanted waves of a period of 8 pixels from a phase, and noise: uint8 [side, side, 1]."""
    rows, columns = np.indices((side, side))
    image = 127 + 60 * np.sin(2 * np.pi * (columns + 0.5 * rows) / 8 + phase)
    return (image + rng.normal(0, 8, image.shape)).clip(0, 255).astype(np.uint8)[..., None]


def _beside_one_another(tiles):
    """Tiles of whole rows, row after row, as one image [1, h, w, c]."""
    count = int(len(tiles) ** 0.5)
    rows = [np.concatenate(tiles[i * count : (i + 1) * count], axis=1) for i in range(count)]
    return np.concatenate(rows)[None]


def test_a_seam_is_seen_where_there_is_one():
    rng = np.random.default_rng(0)
    tiles, side = 16, 16 * _TILE
    whole = judge_seams(_waves(side, 0.0, rng)[None], _TILE).metrics["texture_fd"]
    assert whole["n"] == tiles**2 // 2
    assert 0.85 < whole["value"] / whole["floor"] < 1.15
    apart = [_waves(_TILE, phase, rng) for phase in rng.uniform(0, 2 * np.pi, tiles**2)]
    broken = judge_seams(_beside_one_another(apart), _TILE).metrics["texture_fd"]
    assert broken["value"] > 2 * broken["floor"]


def test_tiles_of_one_generated_texture_meet_without_a_seam():
    latents = jnp.zeros((1, TEXTURE.latent_dim))
    variables = jax.jit(lambda: TEXTURE.init(jax.random.key(0), latents, train=False))()
    image = sample_texture(TEXTURE, variables, (512, 512), seed=0, tile=_TILE, texture=0)
    found = judge_seams(image[None], _TILE).metrics["texture_fd"]
    assert 0.85 < found["value"] / found["floor"] < 1.15


def test_what_has_no_borders_is_refused():
    images = np.zeros((1, 64, 40, 1), np.uint8)
    with pytest.raises(InputError, match="64x40 with tiles of 32; at least two tiles"):
        seam_crops(images, 32)
    for tile, crop in ((15, 0), (16, 5), (16, 18), (0, 0), (16, -2), (2, 0)):
        with pytest.raises(InputError, match=f"the tile is {tile} and the crop"):
            seam_crops(images, tile, crop=crop)
    with pytest.raises(InputError, match="uint8"):
        seam_crops(images / 2, 16)
    with pytest.raises(InputError, match="6x6.*at least 8x8"):
        judge_seams(_waves(64, 0.0, np.random.default_rng(0))[None], 16, crop=6)
