"""Numbers that say how good generated images are, one module a family.

Everything here takes numpy arrays (features, probabilities, counts) and computes in float64 on the
host; nothing knows of models or training.
"""

from gan_jax.metrics.classifier import class_histogram as class_histogram
from gan_jax.metrics.classifier import class_kl as class_kl
from gan_jax.metrics.classifier import classifier_score as classifier_score
from gan_jax.metrics.classifier import mean_confidence as mean_confidence
from gan_jax.metrics.frechet import FrechetResult as FrechetResult
from gan_jax.metrics.frechet import frechet_distance as frechet_distance
from gan_jax.metrics.frechet import frechet_distance_from_moments as frechet_distance_from_moments
from gan_jax.metrics.frechet import frechet_floor as frechet_floor
from gan_jax.metrics.frechet import frechet_with_floor as frechet_with_floor
from gan_jax.metrics.memorisation import nearest_neighbours as nearest_neighbours
from gan_jax.metrics.moments import Moments as Moments
from gan_jax.metrics.moments import effective_rank as effective_rank
