"""Networks of clips, over those of images: content and motion apart, as in MoCoGAN.

Tulyakov et al. 2018, "MoCoGAN: Decomposing motion and content for video generation". Clips are
float [n, t, h, w, c] in [-1, 1].
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import Array

from gan_jax.errors import InputError
from gan_jax.models.conditional import check_labels, head
from gan_jax.models.layers import (
    DISCRIMINATOR_NORMS,
    BatchNorm,
    Conv,
    Dense,
    initializer,
    is_batch,
    is_spectral,
    widths,
)
from gan_jax.models.sizes import num_stages

_SLOPE = 0.2
_STATE = 64  # of the recurrent unit
_PERIODS = (8.0, 16.0, 32.0, 64.0)  # of its clock, in frames


def frames_as_images(clips: Array) -> Array:
    """[n, t, ...] to [n * t, ...]: every frame by itself."""
    return clips.reshape(-1, *clips.shape[2:])


def frames_as_channels(clips: Any) -> Any:
    """[n, t, h, w, c] to [n, h, w, t * c]: a network of images then sees all frames at once."""
    clips = clips.transpose(0, 2, 3, 1, 4)
    return clips.reshape(*clips.shape[:3], -1)


def displaced(images: Array, by: Array) -> Array:
    """Images [n, h, w, c] moved down and right by pixels [n, 2]: bilinear, the border continued.

    Both axes are products with matrices, which are fast everywhere and have gradients by `by`.
    """
    for axis, equation in ((0, "nij,njwc->niwc"), (1, "nij,nhjc->nhic")):
        size = images.shape[1 + axis]
        place = jnp.clip(jnp.arange(size) - by[:, axis, None], 0, size - 1)
        weights = nn.relu(1 - jnp.abs(place[:, :, None] - jnp.arange(size)))
        images = jnp.einsum(equation, weights.astype(images.dtype), images)
    return images


class ClipGenerator(nn.Module):
    """Latents float [n, latent_dim] to clips [n, t, h, w, c] in [-1, 1].

    The first `content_dim` numbers are the content of all frames. The others are noise for each
    frame, `motion_dim` numbers: that of the first frame is where a gated recurrent unit begins,
    that of the others, times a learned scale, is its input, and of its state a dense layer makes
    the motion code of each frame. Content and motion code are the latents of a generator of images.

    What most clips do is to move as they are. So every image is then displaced by up to a quarter
    of its sides either way (a spatial transformer, Jaderberg et al. 2015), by two numbers that the
    state and a clock give; the border is continued. Only the displacement sees the clock: else
    training finds it easier to change what is shown from frame to frame than to move it.

    With classes the network is called with labels int32 [n] after the latents, and every frame is
    of that class.

    Fields:
        frame: a generator of images [n, h, w, c], which may have `num_classes`.
        image_shape: (t, h, w, c).
        content_dim, motion_dim: see above; `latent_dim` is content_dim + t * motion_dim.
        dtype: dtype of the recurrent unit; None for float32.
    """

    frame: nn.Module
    image_shape: tuple[int, ...]
    content_dim: int = 64
    motion_dim: int = 16
    dtype: Any = None

    @property
    def latent_dim(self) -> int:
        """Length of the latents."""
        return self.content_dim + self.image_shape[0] * self.motion_dim

    @property
    def num_classes(self) -> int:
        """That of the generator of frames."""
        return getattr(self.frame, "num_classes", 0)

    @nn.compact
    def __call__(self, latents: Array, labels: Array | None = None, *, train: bool) -> Array:
        frames = self.image_shape[0]
        content, noise = jnp.split(latents, [self.content_dim], axis=1)
        noise = noise.reshape(len(latents), frames, self.motion_dim)
        scale = self.param("noise_scale", nn.initializers.constant(0.1), (self.motion_dim,))
        begin = nn.tanh(Dense(_STATE, dtype=self.dtype)(noise[:, 0]))
        cell = nn.GRUCell(_STATE, dtype=self.dtype, name="motion")
        state: Any = nn.RNN(cell)(noise * scale, initial_carry=begin)
        motion = Dense(self.motion_dim, dtype=self.dtype)(state)
        content = jnp.broadcast_to(content[:, None], (len(latents), frames, self.content_dim))
        codes = jnp.concatenate([content, motion.astype(content.dtype)], axis=-1)
        told = () if labels is None else (jnp.repeat(labels, frames),)
        images = self.frame(frames_as_images(codes), *told, train=train)
        return displaced(images, self._displacements(state)).reshape(-1, *self.image_shape)

    def _displacements(self, state: Array) -> Array:
        """Rows and columns [n * t, 2] by which the images move, of the states [n, t, d]."""
        clock = jnp.arange(state.shape[1])[:, None] * (2 * jnp.pi / jnp.array(_PERIODS))
        clock = jnp.concatenate([jnp.sin(clock), jnp.cos(clock)], axis=1).astype(state.dtype)
        clock = jnp.broadcast_to(clock, (len(state), *clock.shape))
        hidden = Dense(_STATE, dtype=self.dtype)(jnp.concatenate([state, clock], axis=-1))
        moved = nn.tanh(Dense(2, dtype=self.dtype)(nn.relu(hidden)))
        return frames_as_images(moved) * (jnp.array(self.image_shape[1:3]) / 4)


class ClipDiscriminator(nn.Module):
    """Clips float [n, t, h, w, c] to logits [n, k]: high for real.

    Half of them are of the whole clip, by (2+1)-dimensional convolutions (Tran et al. 2018, "A
    closer look at spatiotemporal convolutions"): each layer halves the sides of every frame, then
    the number of frames. The other half are of single frames at even distances, first and last
    among them, by a discriminator of images: a frame must be good by itself, and the clip must move
    well. With classes it is called with labels int32 [n] after the clips, see `conditional.head`.

    Fields:
        frame: a discriminator of images.
        frames_judged: how many frames of a clip it is given, fewer if the clip has fewer.
        width, kernel_size, norm, initialization, num_classes, axis_name, dtype: as in
            `dcgan.DCGANDiscriminator`, of the network of whole clips.
    """

    frame: nn.Module
    frames_judged: int = 4
    width: int = 64
    kernel_size: int = 4
    norm: str = "none"
    initialization: str = "normal"
    num_classes: int = 0
    axis_name: str | None = None
    dtype: Any = None
    auxiliary = False

    @nn.compact
    def __call__(self, clips: Array, labels: Array | None = None, *, train: bool) -> Array:
        check_labels(self.num_classes, labels)
        count, length = clips.shape[:2]
        judged = min(self.frames_judged, length)
        told = () if labels is None else (jnp.repeat(labels, judged),)
        chosen = clips[:, np.linspace(0, length - 1, judged).round().astype(int)]
        of_frames = self.frame(frames_as_images(chosen), *told, train=train)
        x = self._trunk(clips, train)
        of_clip: Any = head(
            self,
            x.reshape(count, -1),
            labels,
            kernel_init=initializer(self.initialization),
            spectral_norm=is_spectral(self.norm),
            train=train,
        )
        of_clip = jnp.repeat(of_clip[:, None], judged, axis=1)
        return jnp.concatenate([of_clip, of_frames.reshape(count, judged)], axis=1)

    def _trunk(self, x: Array, train: bool) -> Array:
        spectral, count = is_spectral(self.norm), len(x)
        fields = (initializer(self.initialization), self.dtype, spectral)
        sides = (self.kernel_size, self.kernel_size)
        height, width = x.shape[2:4]
        for layer, features in enumerate(widths(self.width, num_stages(height, width))):
            normed = is_batch(self.norm, DISCRIMINATOR_NORMS) and layer > 0
            x = Conv(features, sides, 2, True, *fields)(frames_as_images(x), train=train)
            x = nn.leaky_relu(x, _SLOPE)
            height, width = x.shape[1:3]
            x = x.reshape(count, -1, height * width, features)
            x = Conv(features, (3, 1), (2, 1), not normed, *fields)(x, train=train)
            if normed:
                norm = BatchNorm(axis_name=self.axis_name, dtype=self.dtype)
                x = norm(x, use_running_average=not train)
            x = nn.leaky_relu(x, _SLOPE).reshape(count, -1, height, width, features)
        return x


def check_clips(image_shape: tuple[int, ...], motion_dim: int) -> None:
    """Raises InputError for clips of one frame, or no motion code."""
    if image_shape[0] < 2:
        raise InputError(
            f"clips of {image_shape[0]} frame(s) do not move: give 2 or more, such as "
            "dataset.num_frames=16, or images."
        )
    if motion_dim < 1:
        raise InputError(f"motion_dim is {motion_dim}; expected 1 or more, such as 16.")
