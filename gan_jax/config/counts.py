"""How many steps, examples and samples a config asks for."""

from __future__ import annotations

import math

from ml_collections import ConfigDict


def examples_a_step(config: ConfigDict) -> int:
    """How many training examples each step takes, on all devices together."""
    return config.batch_size * config.get("discriminator_steps", 1)


def num_final_samples(config: ConfigDict) -> int:
    """How many images a GAN's run is judged by at its end."""
    return config.evaluation.num_final_samples or config.evaluation.num_samples


def count_steps(config: ConfigDict, num_examples: int) -> int:
    """How many steps a config asks for on a set of `num_examples` images."""
    if config.num_steps:
        return config.num_steps
    return max(1, math.ceil(config.num_epochs * num_examples / examples_a_step(config)))
