"""Keras 3 on TensorFlow: a training step in one `tf.function`, with or without XLA."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"  # read when keras is imported

import keras
import tensorflow as tf
from keras import layers

from benchmarks.peers.serving import Trainer, serve
from benchmarks.works import Task, Work


def make_networks(work: Work) -> dict[str, keras.Model]:
    """The work's networks by name: 'generator' and 'discriminator', or 'recogniser'."""
    if work.model == "cnn":
        return {"recogniser": _cnn(work)}
    if work.model == "article":
        return {
            "generator": _article_generator(work),
            "discriminator": _article_discriminator(work),
        }
    return {"generator": _dcgan_generator(work), "discriminator": _dcgan_discriminator(work)}


def _norm() -> layers.Layer:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


def _article_generator(work: Work) -> keras.Model:
    height, width, channels = work.image_shape
    net = keras.Sequential([layers.Input((work.latent_dim,))])
    for features in (128, 256, 512, 1024, height // 4 * (width // 4) * 256):
        net.add(layers.Dense(features, use_bias=False))
        net.add(_norm())
        net.add(layers.LeakyReLU(0.3))
    net.add(layers.Reshape((height // 4, width // 4, 256)))
    for features, strides in ((128, 1), (64, 2)):
        net.add(layers.Conv2DTranspose(features, 5, strides, padding="same", use_bias=False))
        net.add(_norm())
        net.add(layers.LeakyReLU(0.3))
    net.add(layers.Conv2DTranspose(channels, 7, 2, padding="same"))
    net.add(layers.Activation("tanh", dtype="float32"))
    return net


def _article_discriminator(work: Work) -> keras.Model:
    net = keras.Sequential([layers.Input(work.image_shape)])
    for features in (64, 128):
        net.add(layers.Conv2D(features, 5, 2, padding="same"))
        net.add(layers.LeakyReLU(0.3))
        net.add(layers.Dropout(work.dropout_rate))
    net.add(layers.Flatten())
    net.add(layers.Dense(1, dtype="float32"))
    return net


def _dcgan_generator(work: Work) -> keras.Model:
    height, width, channels = work.image_shape
    scale, features = 2**work.stages, work.features[::-1]
    base = (height // scale, width // scale, features[0])
    options = dict(
        padding="same", kernel_initializer=keras.initializers.RandomNormal(stddev=0.02, seed=0)
    )
    net = keras.Sequential([layers.Input((work.latent_dim,))])
    net.add(layers.Dense(base[0] * base[1] * base[2], use_bias=False))
    net.add(layers.Reshape(base))
    net.add(_norm())
    net.add(layers.ReLU())
    for count in features[1:]:
        net.add(layers.Conv2DTranspose(count, work.kernel_size, 2, use_bias=False, **options))
        net.add(_norm())
        net.add(layers.ReLU())
    net.add(layers.Conv2DTranspose(channels, work.kernel_size, 2, **options))
    net.add(layers.Activation("tanh", dtype="float32"))
    return net


def _dcgan_discriminator(work: Work) -> keras.Model:
    options = dict(
        padding="same", kernel_initializer=keras.initializers.RandomNormal(stddev=0.02, seed=0)
    )
    net = keras.Sequential([layers.Input(work.image_shape)])
    for stage, count in enumerate(work.features):
        normed = stage > 0 and work.discriminator_norm == "batch"
        net.add(layers.Conv2D(count, work.kernel_size, 2, use_bias=not normed, **options))
        if normed:
            net.add(_norm())
        net.add(layers.LeakyReLU(0.2))
    net.add(layers.Flatten())
    net.add(layers.Dense(1, dtype="float32"))
    return net


def _cnn(work: Work) -> keras.Model:
    options = dict(use_bias=False, kernel_initializer="he_normal")
    net = keras.Sequential([layers.Input(work.image_shape)])
    for width in work.widths:
        for _ in range(2):
            net.add(layers.Conv2D(width, 3, padding="same", **options))
            net.add(_norm())
            net.add(layers.ReLU())
        net.add(layers.MaxPooling2D(2))
    net.add(layers.Flatten())
    net.add(layers.Dense(work.dense, **options))
    net.add(_norm())
    net.add(layers.ReLU())
    net.add(layers.Dropout(work.dropout_rate))
    net.add(layers.Dense(work.num_classes, dtype="float32"))
    return net


def _adam(work: Work, net: keras.Model) -> keras.optimizers.Optimizer:
    adam = keras.optimizers.Adam(work.learning_rate, work.b1, work.b2)
    adam.build(net.trainable_variables)
    return adam


class _GANStep:
    """The updates of a GAN as in TensorFlow's tutorials: gradient tapes, one for each network."""

    def __init__(self, work: Work, nets: dict[str, keras.Model]) -> None:
        self._work = work
        self._generator, self._discriminator = nets["generator"], nets["discriminator"]
        self._adams = [_adam(work, net) for net in nets.values()]

    def _fake(self, real: tf.Tensor) -> tf.Tensor:
        shape = (self._work.batch_size, self._work.latent_dim)
        return self._generator(tf.random.normal(shape), training=True)

    def _judge(self, images: tf.Tensor) -> tf.Tensor:
        return self._discriminator(images, training=True)

    def _real_loss(self, real: tf.Tensor) -> tf.Tensor:
        if not self._work.r1_weight:
            return tf.reduce_mean(tf.nn.softplus(-self._judge(real)))
        with tf.GradientTape() as tape:
            tape.watch(real)
            logits = self._judge(real)
            total = tf.reduce_sum(logits)
        slope = tape.gradient(total, real)
        penalty = tf.reduce_sum(tf.square(slope)) / self._work.batch_size
        return tf.reduce_mean(tf.nn.softplus(-logits)) + 0.5 * self._work.r1_weight * penalty

    def _descend(self, net: int, gradients: list[tf.Tensor]) -> None:
        module = (self._generator, self._discriminator)[net]
        self._adams[net].apply(gradients, module.trainable_variables)

    def _update_discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = self._real_loss(real) + tf.reduce_mean(tf.nn.softplus(self._judge(fake)))
        self._descend(1, tape.gradient(loss, self._discriminator.trainable_variables))

    def alternating(self, real: tf.Tensor) -> tf.Tensor:
        """New images for each update."""
        self._update_discriminator(real, self._fake(real))
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.softplus(-self._judge(self._fake(real))))
        self._descend(0, tape.gradient(loss, self._generator.trainable_variables))
        return loss

    def simultaneous(self, real: tf.Tensor) -> tf.Tensor:
        """One generator forward and one judgement of its images; both gradients from it."""
        with tf.GradientTape() as generator_tape, tf.GradientTape() as tape:
            logits = self._judge(self._fake(real))
            loss = tf.reduce_mean(tf.nn.softplus(-logits))
            total = self._real_loss(real) + tf.reduce_mean(tf.nn.softplus(logits))
        gradients = generator_tape.gradient(loss, self._generator.trainable_variables)
        self._descend(1, tape.gradient(total, self._discriminator.trainable_variables))
        self._descend(0, gradients)
        return loss

    def reuse(self, real: tf.Tensor) -> tf.Tensor:
        """One generator forward, judged before and after the discriminator's update."""
        with tf.GradientTape() as tape:
            fake = self._fake(real)
            with tape.stop_recording():
                self._update_discriminator(real, fake)
            loss = tf.reduce_mean(tf.nn.softplus(-self._judge(fake)))
        self._descend(0, tape.gradient(loss, self._generator.trainable_variables))
        return loss


def _recogniser_step(work: Work, net: keras.Model):
    adam = _adam(work, net)

    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = net(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        adam.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)
        return loss

    return step


def build(task: Task) -> Trainer:
    """The variant's step on random images; variants are 'graph' and 'xla'."""
    work = task.work
    if task.dtype == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    keras.utils.set_random_seed(0)
    nets = make_networks(work)
    batch = [tf.random.uniform((work.batch_size, *work.image_shape), -1, 1)]
    if work.is_gan:
        update = getattr(_GANStep(work, nets), task.update)
    else:
        update = _recogniser_step(work, nets["recogniser"])
        batch.append(tf.random.uniform((work.batch_size,), 0, work.num_classes, tf.int32))
    step = tf.function(update, jit_compile=task.variant == "xla")
    loss = tf.zeros(())
    gpus = tf.config.list_physical_devices("GPU")

    def call() -> None:
        nonlocal loss
        loss = step(*batch)

    def device_memory() -> int | None:
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpus else None

    def details() -> dict:
        name = tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "cpu"
        return {
            "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
            "device": name,
        }

    return Trainer(
        call=call,
        wait=lambda: float(loss),
        units_per_call=work.batch_size,
        parameters={
            name: sum(int(tf.size(v)) for v in net.trainable_variables)
            for name, net in nets.items()
        },
        details=details,
        device_memory=device_memory,
    )


if __name__ == "__main__":
    serve(build)
