"""Which generated images are kept: by recognisers' agreement, or by the discriminator's logits.

Pure functions of numbers; nothing here knows of networks.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

_EPSILON = 1e-14  # keeps the logarithm finite at the greatest ratio, as in Azadi et al.
_WIDEST_SHIFT = 100.0  # of gamma; at +-100 all or none are accepted


def agreed(probabilities: np.ndarray, labels: np.ndarray, confidence: float) -> np.ndarray:
    """Images that every recogniser takes for the class asked for, and surely on average.

    Args:
        probabilities: p(class | image) of k recognisers, [k, n, classes].
        labels: the classes asked for, int [n].
        confidence: least mean over recognisers of the probability of that class.

    Returns:
        bool [n].
    """
    named = np.argmax(probabilities, axis=-1) == labels
    given = np.take_along_axis(probabilities, labels[None, :, None], axis=-1)[..., 0]
    return named.all(axis=0) & (given.mean(axis=0) >= confidence)


def calibrated_log_ratio(
    logits: np.ndarray, real_logits: np.ndarray, fake_logits: np.ndarray
) -> np.ndarray:
    """Logits of a discriminator as estimates of log(p_data / p_generator).

    A logistic regression of real against generated on the logit alone, both counting alike. Platt's
    targets keep it finite where the two do not overlap (Platt 1999, "Probabilistic outputs for
    support vector machines"). An optimal discriminator of the minimax loss has that logarithm for
    its logit (Goodfellow et al. 2014, proposition 1), and stays as it is; any other is brought to
    the scale (Turner et al. 2019, "Metropolis-Hastings generative adversarial networks").

    Args:
        logits: to bring to the scale, [n].
        real_logits: of real images, [r].
        fake_logits: of generated images, [f].

    Returns:
        float64 [n].
    """
    scores = np.concatenate([real_logits, fake_logits]).astype(np.float64)
    centre, scale = scores.mean(), max(scores.std(), 1e-12)
    scores = (scores - centre) / scale
    counts = (len(real_logits), len(fake_logits))
    targets = np.repeat([(counts[0] + 1) / (counts[0] + 2), 1 / (counts[1] + 2)], counts)
    weights = np.repeat([0.5 / counts[0], 0.5 / counts[1]], counts)

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        value = line[0] * scores + line[1]
        entropy = np.logaddexp(0.0, value) - targets * value
        slope = weights * (special.expit(value) - targets)
        return float(weights @ entropy), np.array([slope @ scores, slope.sum()])

    line = optimize.minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS").x
    return line[0] * (np.asarray(logits, np.float64) - centre) / scale + line[1]


def acceptance_probabilities(log_ratio: np.ndarray, gamma: float = 0.0) -> np.ndarray:
    """Probabilities float64 [n] with which discriminator rejection sampling keeps images.

    With D the log of the density ratio p_data / p_generator, [n], and D_max its greatest value
    here, sigma(F) with F = D - D_max - log(1 - exp(D - D_max - epsilon)) - gamma (Azadi et al.
    2019, "Discriminator rejection sampling", section 3). Gamma 0 gives exp(D - D_max): plain
    rejection sampling, after which images follow p_data. A greater gamma accepts fewer images than
    that, a smaller one more.
    """
    return special.expit(_shifted(log_ratio) - gamma)


def gamma_for(log_ratio: np.ndarray, acceptance: float) -> float:
    """The gamma with which `acceptance`, in (0, 1), of the images are accepted on average.

    Azadi et al. take a percentile of F instead, which leaves the number to chance.
    """
    shifted = _shifted(log_ratio)
    bounds = (shifted.min() - _WIDEST_SHIFT, shifted.max() + _WIDEST_SHIFT)
    return float(
        optimize.brentq(lambda gamma: special.expit(shifted - gamma).mean() - acceptance, *bounds)
    )


def accepted(log_ratio: np.ndarray, labels: np.ndarray, acceptance: float, seed: int) -> np.ndarray:
    """A draw of discriminator rejection sampling, bool [n].

    Within each class, since the study asks for classes in a mix of its own. `log_ratio` [n] is
    log(p_data / p_generator), `labels` int [n], `acceptance` the share accepted on average.
    """
    probabilities = np.empty(len(labels))
    for label in np.unique(labels):
        own = labels == label
        gamma = gamma_for(log_ratio[own], acceptance)
        probabilities[own] = acceptance_probabilities(log_ratio[own], gamma)
    return np.random.default_rng(seed).random(len(labels)) < probabilities


def first_of_each_class(kept: np.ndarray, labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Indices int [m] of the first kept images of each class, at most as many as are wanted.

    `kept` is bool [n], `labels` int [n], `wanted` int [classes].
    """
    chosen = [
        np.flatnonzero(kept & (labels == label))[:count] for label, count in enumerate(wanted)
    ]
    return np.sort(np.concatenate(chosen))


def _shifted(log_ratio: np.ndarray) -> np.ndarray:
    """F of `acceptance_probabilities` without gamma."""
    below = np.asarray(log_ratio, np.float64) - np.max(log_ratio)
    # log(1 - exp(x)) for x < 0, of which the subtraction would lose the digits near 0.
    return below - np.log(-np.expm1(below - _EPSILON))
