"""gan_jax: a GAN and a CNN that work for each other, in JAX and Flax."""

__version__ = "0.1.0"
