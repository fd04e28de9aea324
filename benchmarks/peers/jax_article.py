"""The article's GAN step in gan_jax: prints steps timed, as JSON."""

import functools
import json
import sys
import time

import jax
import jax.numpy as jnp
import optax

from gan_jax.models.article import ArticleDiscriminator, ArticleGenerator
from gan_jax.state import GAN, create_gan_state
from gan_jax.steps import gan_step


def main(batch_size: int, seconds: float) -> None:
    """Trains on random images for some seconds after a warm-up."""
    adam = optax.adam(2e-4, b1=0.5)
    gan = GAN(ArticleGenerator(), ArticleDiscriminator(), adam, adam, latent_dim=100)
    key = jax.random.key(0)
    state = create_gan_state(gan, key, (28, 28, 1))
    step = jax.jit(functools.partial(gan_step, gan=gan), donate_argnums=0)
    batch = {"images": jnp.asarray(jax.random.uniform(key, (batch_size, 28, 28, 1)) * 2 - 1)}
    for _ in range(3):
        state, _ = step(state, batch, key)
    jax.block_until_ready(state)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        state, _ = step(state, batch, key)
        jax.block_until_ready(state)
        count += 1
    elapsed = time.perf_counter() - start
    rate = count * batch_size / elapsed
    print(json.dumps({"images_per_second": rate, "steps": count, "version": jax.__version__}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
