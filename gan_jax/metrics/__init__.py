"""Numbers that say how good generated images are, one module a family.

Everything takes numpy arrays (features, images, probabilities, counts) and computes in float64 on
the host; nothing knows of models or training. Arguments that are not what a docstring asks for
raise `InputError`: features [n, d] must be finite real numbers, of the same width d on both sides,
probabilities [n, k] those of a softmax, classes integers below their number, and all n at least 1.
"""

from gan_jax.metrics.agreement import ClassAgreement as ClassAgreement
from gan_jax.metrics.agreement import class_agreement as class_agreement
from gan_jax.metrics.calibration import Calibration as Calibration
from gan_jax.metrics.calibration import brier_score as brier_score
from gan_jax.metrics.calibration import calibration_floor as calibration_floor
from gan_jax.metrics.calibration import confidence_for_accuracy as confidence_for_accuracy
from gan_jax.metrics.calibration import measure_calibration as measure_calibration
from gan_jax.metrics.calibration import negative_log_likelihood as negative_log_likelihood
from gan_jax.metrics.calibration import reliability as reliability
from gan_jax.metrics.classifier import class_histogram as class_histogram
from gan_jax.metrics.classifier import class_kl as class_kl
from gan_jax.metrics.classifier import class_kl_estimate as class_kl_estimate
from gan_jax.metrics.classifier import classifier_score as classifier_score
from gan_jax.metrics.classifier import classifier_score_estimate as classifier_score_estimate
from gan_jax.metrics.classifier import confidence_estimate as confidence_estimate
from gan_jax.metrics.classifier import mean_confidence as mean_confidence
from gan_jax.metrics.copies import find_copies as find_copies
from gan_jax.metrics.copies import image_keys as image_keys
from gan_jax.metrics.copies import signs_of_copying as signs_of_copying
from gan_jax.metrics.estimates import Estimate as Estimate
from gan_jax.metrics.estimates import Z as Z
from gan_jax.metrics.estimates import normal_interval as normal_interval
from gan_jax.metrics.estimates import wilson_interval as wilson_interval
from gan_jax.metrics.frechet import FrechetResult as FrechetResult
from gan_jax.metrics.frechet import frechet_distance as frechet_distance
from gan_jax.metrics.frechet import frechet_distance_from_moments as frechet_distance_from_moments
from gan_jax.metrics.frechet import frechet_floor as frechet_floor
from gan_jax.metrics.frechet import frechet_infinity as frechet_infinity
from gan_jax.metrics.frechet import frechet_with_floor as frechet_with_floor
from gan_jax.metrics.kernel import kernel_distance as kernel_distance
from gan_jax.metrics.memorisation import TrainingDistances as TrainingDistances
from gan_jax.metrics.memorisation import data_copying as data_copying
from gan_jax.metrics.memorisation import nearest_neighbours as nearest_neighbours
from gan_jax.metrics.memorisation import training_distances as training_distances
from gan_jax.metrics.modes import count_modes as count_modes
from gan_jax.metrics.modes import mode_coverage as mode_coverage
from gan_jax.metrics.modes import modes_estimate as modes_estimate
from gan_jax.metrics.modes import stacked_classes as stacked_classes
from gan_jax.metrics.moments import Moments as Moments
from gan_jax.metrics.moments import effective_rank as effective_rank
from gan_jax.metrics.neighbour_estimates import neighbour_estimates as neighbour_estimates
from gan_jax.metrics.neighbours import NeighbourScores as NeighbourScores
from gan_jax.metrics.neighbours import density_coverage as density_coverage
from gan_jax.metrics.neighbours import neighbour_scores as neighbour_scores
from gan_jax.metrics.paired import holm as holm
from gan_jax.metrics.paired import paired_difference as paired_difference
from gan_jax.metrics.raters import rater_agreement as rater_agreement
from gan_jax.metrics.sliced import random_projections as random_projections
from gan_jax.metrics.sliced import sliced_wasserstein as sliced_wasserstein
from gan_jax.metrics.vendi import vendi_estimate as vendi_estimate
from gan_jax.metrics.vendi import vendi_score as vendi_score
