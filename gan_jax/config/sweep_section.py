"""What can be swept: the section `config.sweep`."""

from __future__ import annotations

from ml_collections import ConfigDict


def sweep_section() -> ConfigDict:
    """Hyper-parameters that differ between the GANs of a run: the values of each, () for none.

    Each combination of values is trained with `num_seeds` seeds, all in one program.
    """
    empty = dict(learning_rate=(), b1=(), b2=())
    return ConfigDict(
        dict(
            gamma=(),  # of both r1_weight and r2_weight, or of the one that is above 0
            learning_rate=(),  # the generator's; the discriminator's stays in proportion
            r1_weight=(),
            r2_weight=(),
            gradient_penalty_weight=(),
            dragan_weight=(),
            lecam_weight=(),
            ema_half_life=(),  # like the others keeps its ratio to what it ends at, if it changes
            ema_half_life_end=(),
            generator_optimizer=ConfigDict(empty),
            discriminator_optimizer=ConfigDict(empty),
        )
    )
