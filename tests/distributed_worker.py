"""A small GAN's and a small CNN's training, as one process of several or alone.

python -m tests.distributed_worker HOST:PORT NUM_PROCESSES PROCESS_ID OUTPUT.npz
"""

import functools
import sys

import jax
import numpy as np
import optax

from gan_jax.data import Dataset
from gan_jax.data.content import content_keys
from gan_jax.models.cnn import CNN
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.runtime import parallel
from gan_jax.runtime.feed import make_feed
from gan_jax.runtime.startup import initialise_processes
from gan_jax.steps import cnn_update, gan_step
from gan_jax.steps.augment import Affine
from gan_jax.steps.state import GAN, Recogniser, create_cnn_state, create_gan_state

SHAPE = (8, 8, 1)
BATCH, STEPS = 8, 3


class _Source:
    """The images one at a time, so that each process reads its share only."""

    image_shape = SHAPE
    treatment = ""

    def __init__(self, images):
        self._images = images

    def __len__(self):
        return len(self._images)

    def take(self, indices):
        return self._images[np.asarray(indices)]

    def keys(self):
        return content_keys(self._images)


def _dataset(streamed):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, *SHAPE), np.uint8)
    labels = (np.arange(30) % 3).astype(np.int32)
    if streamed:
        return Dataset("random", "train", source=_Source(images), labels=labels)
    return Dataset("random", "train", images=images, labels=labels)


def train(kind, mode, *, streamed, num_devices=0):
    """The state and the numbers after a few steps, on the host: {path: array}."""
    key, sgd = jax.random.key(0), optax.sgd(0.05)
    if kind == "gan":
        gan = GAN(DCGANGenerator(SHAPE, width=4), DCGANDiscriminator(width=4), sgd, sgd, 4)
        state, step = create_gan_state(gan, key, SHAPE), functools.partial(gan_step, gan=gan)
    else:
        network = CNN(3, widths=(4,), dense=8, dropout_rate=0.5)
        recogniser = Recogniser(network, sgd, Affine(flip=True), ema_half_life=50.0)
        state = create_cnn_state(recogniser, key, SHAPE)
        step = functools.partial(cnn_update, recogniser=recogniser)
    plan = parallel.make_plan(mode, BATCH, num_devices)
    feed = make_feed(_dataset(streamed), plan, batch_size=BATCH, steps_per_call=2, seed=1)
    call = parallel.compile_steps(step, feed.fetch, plan)
    state, key = parallel.replicate(state, plan), parallel.replicate(key, plan)
    for rows in feed.calls(0, STEPS):
        state, metrics = call(state, key, feed.data, rows)
    leaves = jax.tree_util.tree_leaves_with_path(parallel.local_copy((state, metrics)))
    return {jax.tree_util.keystr(path): np.array(leaf) for path, leaf in leaves}


RUNS = {
    "gan pmap resident": ("gan", "pmap", False),
    "gan jit streamed": ("gan", "jit", True),
    "cnn pmap streamed": ("cnn", "pmap", True),
    "cnn jit resident": ("cnn", "jit", False),
}


def _main(coordinator, num_processes, process_id, output):
    initialise_processes(coordinator, int(num_processes), int(process_id))
    results, seen = {}, []
    for name, (kind, mode, streamed) in RUNS.items():
        for path, value in train(kind, mode, streamed=streamed).items():
            results[f"{name} {path}"] = value
    numbers = np.arange(11.0, dtype=np.float32)
    double = jax.jit(lambda factor, x: factor * x)
    results["map_batches"] = parallel.map_batches(
        double, np.float32(2), numbers, batch_size=4, progress=seen.append
    )
    results["progress"] = np.array(seen)
    results["any_process"] = np.array(
        [parallel.any_process(False), parallel.any_process(process_id == "1")]
    )
    results["main"] = np.array([parallel.is_main_process(), parallel.process_count() == 2])
    parallel.wait_for_all("end")
    np.savez(output, **results)


if __name__ == "__main__":
    _main(*sys.argv[1:])
