"""Configs: fields and defaults, checks, the saved form, and what is built of them."""

from gan_jax.config.counts import examples_a_step as examples_a_step
from gan_jax.config.counts import num_final_samples as num_final_samples
from gan_jax.config.defaults import cnn_config as cnn_config
from gan_jax.config.defaults import gan_config as gan_config
from gan_jax.config.defaults import study_config as study_config
from gan_jax.config.open_fields import leave_open as leave_open
from gan_jax.config.open_fields import open_fields as open_fields
