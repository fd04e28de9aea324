"""Can two sets of images be told apart at all? A permutation test on the kernel distance.

Under the null hypothesis real and generated images are draws of one distribution, so any of the
pooled images might be called real. The unbiased kernel distance (`gan_jax.metrics.kernel`) of the
sets is ranked among those of random divisions of the pool:

    p = (1 + number of divisions at least as far apart) / (1 + number of divisions)

(Gretton et al., "A kernel two-sample test", 2012, section 5; Phipson & Smyth 2010 for the 1 + ...).
P(p <= a) <= a holds exactly at any number of images. One Gram matrix serves all divisions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from gan_jax.data.content import order_of
from gan_jax.errors import InputError
from gan_jax.metrics.kernel import Kernel
from gan_jax.metrics.moments import checked_pair

NUM_PERMUTATIONS = 999
MOST_IMAGES = 2_000
"""Of each side; more cost time and change p little."""


@dataclasses.dataclass(frozen=True)
class TwoSampleTest:
    """What the test found."""

    p: float  # between 1 / (permutations + 1) and 1
    statistic: float  # the unbiased kernel distance of the two sides; it can be below 0
    permutations: int  # random divisions
    n_real: int  # images compared, as `n_fake`
    n_fake: int
    within_classes: bool  # images changed sides within their class only


def permutation_test(
    real,
    fake,
    *,
    real_classes=None,
    fake_classes=None,
    gamma: float | None = None,
    num_permutations: int = NUM_PERMUTATIONS,
    most: int = MOST_IMAGES,
    seed: int = 0,
    in_order: bool = False,
) -> TwoSampleTest:
    """Tests features [n, d] and [m, d], n, m >= 2, for a difference in distribution.

    With the classes of both sides, images change sides within their class only, so that a differing
    mix of classes is no difference. The order of rows changes nothing.

    Args:
      real_classes, fake_classes: int [n] and [m]; both or neither.
      gamma: of the cubic kernel (gamma x.y + 1)^3; 1/d if None.
      num_permutations: at least 19.
      most: images of each side that are used, in the order of their content.
      in_order: whether the rows are in the order of content; see `gan_jax.data.content.order_of`.
    """
    sides = checked_pair(real, fake, metric="a two-sample test", least=2)
    classes = _checked_classes(sides, real_classes, fake_classes)
    if num_permutations < 19:
        raise InputError(f"num_permutations is {num_permutations}; expected at least 19.")
    orders = [order_of(rows, in_order)[:most] for rows in sides]
    pool = np.concatenate([rows[order] for rows, order in zip(sides, orders)])
    strata = None
    if classes is not None:
        strata = np.concatenate([values[order] for values, order in zip(classes, orders)])
    values = permuted_distances(
        pooled_gram(pool, gamma=gamma),
        len(orders[0]),
        strata=strata,
        num_permutations=num_permutations,
        seed=seed,
    )
    # Divisions that are the same sets differ by round-off only, and count as equal.
    tolerance = 1e-9 * (np.abs(values).max() + 1e-300)
    above = int(np.sum(values[1:] >= values[0] - tolerance))
    return TwoSampleTest(
        p=(1 + above) / (num_permutations + 1),
        statistic=float(values[0]),
        permutations=num_permutations,
        n_real=len(orders[0]),
        n_fake=len(orders[1]),
        within_classes=strata is not None and len(np.unique(strata)) > 1,
    )


def pooled_gram(pool: np.ndarray, *, gamma: float | None = None) -> np.ndarray:
    """The cubic kernel of every two rows of [n, d], float64 [n, n], zero for a row with itself."""
    pool = np.asarray(pool, np.float64)
    gram = Kernel(3, 1.0 / pool.shape[1] if gamma is None else gamma, 1.0)(pool, pool)
    np.fill_diagonal(gram, 0.0)
    if not np.isfinite(gram).all():
        raise InputError(
            "the kernel overflows float64: the features are too large. Scale both sides by the "
            "same number."
        )
    return gram


def permuted_distances(
    gram: np.ndarray,
    num_real: int,
    *,
    strata: np.ndarray | None = None,
    num_permutations: int,
    seed: int = 0,
) -> np.ndarray:
    """The kernel distances of a pool as it is divided, first, and of random divisions by the seed.

    Args:
      gram: from `pooled_gram`, [n, n].
      num_real: the first rows, from 2 to n - 2, are real.
      strata: int [n], classes within which rows change sides; None for one.
      num_permutations: 0 gives the distance alone.
    """
    count = len(gram)
    sides = np.zeros((count, num_permutations + 1))
    sides[:num_real, 0] = 1.0
    rng = np.random.default_rng([seed, count, num_real, 11])
    strata = np.zeros(count, np.int64) if strata is None else np.asarray(strata)
    for name in np.unique(strata) if num_permutations else ():
        members = np.flatnonzero(strata == name)
        chosen = int(np.sum(members < num_real))
        order = np.argsort(rng.random((num_permutations, len(members))), axis=1)[:, :chosen]
        sides[members[order], np.arange(1, num_permutations + 1)[:, None]] = 1.0
    n, m = num_real, count - num_real
    sums = gram.sum(axis=1)
    total = float(sums.sum())
    within_real = np.einsum("ib,ib->b", sides, gram @ sides)
    of_real = sums @ sides
    across = of_real - within_real
    within_fake = total - 2 * of_real + within_real
    return within_real / (n * (n - 1)) + within_fake / (m * (m - 1)) - 2 * across / (n * m)


def _checked_classes(
    sides: Sequence[np.ndarray], real_classes, fake_classes
) -> list[np.ndarray] | None:
    if real_classes is None and fake_classes is None:
        return None
    if real_classes is None or fake_classes is None:
        raise InputError("the classes of one side only are given: give both, or neither.")
    classes = [np.asarray(real_classes), np.asarray(fake_classes)]
    for rows, values in zip(sides, classes):
        if values.shape != (len(rows),):
            raise InputError(f"there are {len(rows)} images and classes of shape {values.shape}.")
    return classes
