"""Pure training steps and what they are made of."""

from gan_jax.steps.updates import cnn_update as cnn_update
from gan_jax.steps.updates import discriminator_update as discriminator_update
from gan_jax.steps.updates import gan_step as gan_step
from gan_jax.steps.updates import generator_update as generator_update
from gan_jax.steps.updates import simultaneous_step as simultaneous_step
