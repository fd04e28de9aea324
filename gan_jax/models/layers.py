"""Layers that the networks share: convolutions, dense, batch normalisation, dropout, initialisers.

`gan_jax.models.convolution` has the functional convolutions, and chooses their form by platform.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array, lax
from jax.extend.random import threefry2x32_p

from gan_jax.errors import InputError, nearest
from gan_jax.models.convolution import conv, conv_transpose
from gan_jax.models.platform import platform
from gan_jax.models.spectral import spectral_normalise

NORMS = ("batch", "none")  # of a generator
DISCRIMINATOR_NORMS = (*NORMS, "spectral")
INITIALIZATIONS = ("normal", "xavier")
_SLOPE = 0.2
_WIDEST = 8  # channels never exceed this multiple of the narrowest layer's, as in DCGAN

Initializer = Callable[..., Array]


def initializer(name: str) -> Initializer:
    """The kernel initialiser of that name.

    Args:
        name: 'normal' for N(0, 0.02^2) (Radford et al. 2016, DCGAN), 'xavier' for Glorot's uniform
            distribution (Glorot and Bengio 2010).

    Raises:
        InputError: for another name.
    """
    if name == "normal":
        return nn.initializers.normal(0.02)
    if name == "xavier":
        return nn.initializers.xavier_uniform()
    raise InputError(f"initialisation {name!r} is not known; use 'normal' or 'xavier'")


def scale_initializer(name: str) -> Initializer:
    """Of batch normalisation's scales beside kernels of `initializer(name)`.

    N(1, 0.02^2) beside N(0, 0.02^2) kernels, as in the DCGAN code; else ones.
    """
    if name != "normal":
        return nn.initializers.ones
    return lambda key, shape, dtype: 1 + nn.initializers.normal(0.02)(key, shape, dtype)


def is_batch(norm: str, known: Sequence[str] = NORMS) -> bool:
    """Whether `norm` is 'batch'.

    Raises:
        InputError: it is not one of those that are `known`.
    """
    if norm not in known:
        raise InputError(f"norm {norm!r} is not known: {nearest(norm, known)}")
    return norm == "batch"


def is_spectral(norm: str) -> bool:
    """Whether a discriminator's `norm` is 'spectral'.

    Raises:
        InputError: it is not one of `DISCRIMINATOR_NORMS`.
    """
    is_batch(norm, DISCRIMINATOR_NORMS)
    return norm == "spectral"


def widths(narrowest: int, count: int) -> list[int]:
    """Channels of `count` layers from the image inwards: doubling, up to 8 x `narrowest`."""
    return [narrowest * min(2**layer, _WIDEST) for layer in range(count)]


def downsample(
    network: nn.Module, x: Array, features: Sequence[int], kernel_size: int, *, train: bool
) -> Array:
    """Convolutions of stride 2 with LeakyReLU, a discriminator's trunk (Radford et al. 2016).

    To be called in a compact method of `network`, whose layers they are, and whose `norm`,
    `initialization`, `axis_name` and `dtype` it takes. With norm 'batch' the first layer has none;
    with 'spectral' the kernels are normalised.

    Args:
        network: the discriminator.
        x: images [n, h, w, c].
        features: channels of each convolution.
        kernel_size: side of the kernels.
        train: whether statistics are those of this batch.
    """
    kernel_init = initializer(network.initialization)
    scale_init = scale_initializer(network.initialization)
    batch_norm, spectral = is_batch(network.norm, DISCRIMINATOR_NORMS), is_spectral(network.norm)
    for layer, count in enumerate(features):
        normed = batch_norm and layer > 0
        x = Conv(
            count, (kernel_size, kernel_size), 2, not normed, kernel_init, network.dtype, spectral
        )(x, train=train)
        if normed:
            norm = BatchNorm(
                axis_name=network.axis_name, dtype=network.dtype, scale_init=scale_init
            )
            x = norm(x, use_running_average=not train)
        x = nn.leaky_relu(x, _SLOPE)
    return x


class Conv(nn.Module):
    """Convolution with 'SAME' padding: [n, h, w, i] to [n, ceil(h/s), ceil(w/s), features].

    Parameters are float32: 'kernel' [kh, kw, i, features] and, with `use_bias`, 'bias' [features].
    `dtype` is the dtype of the computation and of the result (None: that of input and parameters,
    promoted). With `spectral_norm` the kernel is divided by its largest singular value as a matrix
    [kh * kw * i, features], estimated anew with `train`, see `gan_jax.models.spectral`.
    """

    features: int
    kernel_size: tuple[int, int] = (5, 5)
    strides: int | tuple[int, int] = 1
    use_bias: bool = True
    kernel_init: Initializer = nn.initializers.xavier_uniform()
    dtype: Any = None
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        return _linear(self, x, shape, lambda x, kernel: conv(x, kernel, self.strides), train)


class ConvTranspose(nn.Module):
    """Transposed convolution with 'SAME' padding: [n, h, w, i] to [n, h*s, w*s, features].

    Equals `lax.conv_transpose`; fields and parameters are those of `Conv`, without spectral norm.
    """

    features: int
    kernel_size: tuple[int, int] = (5, 5)
    strides: int | tuple[int, int] = 1
    use_bias: bool = True
    kernel_init: Initializer = nn.initializers.xavier_uniform()
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        return _linear(self, x, shape, lambda x, kernel: conv_transpose(x, kernel, self.strides))


class Dense(nn.Module):
    """x @ kernel + bias: [..., i] to [..., features]. Fields and parameters as in `Conv`."""

    features: int
    use_bias: bool = True
    kernel_init: Initializer = nn.initializers.xavier_uniform()
    dtype: Any = None
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        return _linear(self, x, (x.shape[-1], self.features), jnp.matmul, train)


def _linear(
    layer: nn.Module,
    x: Array,
    shape: tuple[int, ...],
    product: Callable[[Array, Array], Array],
    train: bool = False,
) -> Array:
    """product(x, kernel of that shape), and the layer's bias [features] if it has one."""
    kernel = layer.param("kernel", layer.kernel_init, shape, jnp.float32)
    bias = None
    if layer.use_bias:
        bias = layer.param("bias", nn.initializers.zeros, (layer.features,), jnp.float32)
    if getattr(layer, "spectral_norm", False):
        kernel = spectral_normalise(layer, kernel, update=train)
    x, kernel, bias = promote_dtype(x, kernel, bias, dtype=layer.dtype)
    y = product(x, kernel)
    return y if bias is None else y + bias


def at_least_float32(x: Array) -> Array:
    """x as float32 if it is bfloat16 or float16; else x."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def max_pool(x: Array) -> Array:
    """The largest of each 2 x 2 pixels: [n, h, w, c] to [n, h // 2, w // 2, c].

    Where several are largest, the first takes the gradient.
    """
    return _max_pool(x) if platform() == "cpu" else nn.max_pool(x, (2, 2), (2, 2))


@jax.custom_jvp
def _max_pool(x: Array) -> Array:
    """For the CPU, where XLA's own gradient of a pooling window takes 15 times as long."""
    return _largest(x)[0]


@_max_pool.defjvp
def _max_pool_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    largest, corner = _largest(primals[0])
    chosen = corner[:, :, None, :, None] == jnp.arange(4, dtype=jnp.uint8).reshape(2, 1, 2, 1)
    n, h, w, c = largest.shape
    cells = tangents[0][:, : 2 * h, : 2 * w].reshape(n, h, 2, w, 2, c)
    return largest, jnp.where(chosen, cells, 0).sum((2, 4))


def _largest(x: Array) -> tuple[Array, Array]:
    """The largest of each 2 x 2 pixels, and uint8 in which corner it stands, row by row."""
    height, width = (side // 2 * 2 for side in x.shape[1:3])

    def larger(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
        is_first = first[0] >= second[0]
        return jnp.where(is_first, first[0], second[0]), jnp.where(is_first, first[1], second[1])

    def corner(index: int) -> tuple[Array, Array]:
        pixels = x[:, index // 2 : height : 2, index % 2 : width : 2]
        return pixels, jnp.full(pixels.shape, index, jnp.uint8)

    return larger(larger(corner(0), corner(1)), larger(corner(2), corner(3)))


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) whose masks belong to examples, not to devices.

    Example i of a device's local batch of n has the global index `axis_index(axis_name)*n + i`, and
    its mask is drawn from the 'dropout' key folded with that index. A batch split over devices thus
    gets the masks that it gets on one device. The key must be the same on all devices.

    Each element is kept when 16 random bits fall below `round((1 - rate) * 65536)`, and is then
    divided by exactly that probability, so that the expectation is kept exactly though the rate is
    rounded to a multiple of 2^-16.

    Fields:
        rate: the probability of dropping, in [0, 1).
        axis_name: the mapped axis over which the batch is split, or None.
    """

    rate: float
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: Array, *, deterministic: bool) -> Array:
        """Drops elements of x [n, ...]; the identity if `deterministic` or the rate is 0.

        Raises:
            InputError: for a rate outside [0, 1).
        """
        if not 0.0 <= self.rate < 1.0:
            raise InputError(f"dropout rate is {self.rate}; expected 0 <= rate < 1")
        threshold = round((1.0 - self.rate) * 65536)
        if deterministic or threshold == 65536:
            return x
        index = jnp.arange(x.shape[0])
        if self.axis_name is not None and not self.is_initializing():
            index += lax.axis_index(self.axis_name) * x.shape[0]
        bits = _example_bits(self.make_rng("dropout"), index, x.shape[1:])
        kept = bits < threshold
        if platform() != "gpu":
            # Else XLA draws the bits anew wherever the mask is used, rather than keep it.
            kept = lax.optimization_barrier(kept)
        scale = jnp.asarray(65536 / threshold, x.dtype)
        return jnp.where(kept, x * scale, jnp.zeros((), x.dtype))


def _example_bits(key: Array, index: Array, shape: tuple[int, ...]) -> Array:
    """Random bits uint16 [n, *shape], row i from `fold_in(key, index[i])`, two of each word."""
    draw = _halves if platform() == "cpu" or not _is_counted(key) else _halves_in_place
    return jax.vmap(lambda i: draw(jax.random.fold_in(key, i), shape))(index)


def _halves(key: Array, shape: tuple[int, ...]) -> Array:
    size = math.prod(shape)
    words = jax.random.bits(key, (-(-size // 2),), jnp.uint32)
    return lax.bitcast_convert_type(words, jnp.uint16).reshape(-1)[:size].reshape(shape)


def _halves_in_place(key: Array, shape: tuple[int, ...]) -> Array:
    """The same bits; each word is computed twice, where a TPU would move pairs over its memory."""
    place = jnp.zeros(shape, jnp.uint32)
    for axis, side in enumerate(shape):
        place = place * side + lax.broadcasted_iota(jnp.uint32, shape, axis)
    seed = jax.random.key_data(key)
    first, second = threefry2x32_p.bind(seed[0], seed[1], jnp.zeros_like(place), place >> 1)
    return ((first ^ second) >> (16 * (place & 1))).astype(jnp.uint16)


def _is_counted(key: Array) -> bool:
    """Whether word i of a key's bits is JAX's hash of (0, i), as `_halves_in_place` has it."""
    threefry = str(jax.random.key_impl(key)) == "threefry2x32"
    return threefry and bool(jax.config.jax_threefry_partitionable)  # type: ignore[attr-defined]


class BatchNorm(nn.BatchNorm):
    """Batch normalisation (Ioffe and Szegedy 2015): flax's, with this project's defaults.

    Statistics are float32 at least, and those of the whole batch when `axis_name` names the mapped
    axis over which it is split. Variables: 'batch_stats' mean and var, 'params' scale and bias.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    def __call__(
        self, x: Array, use_running_average: bool | None = None, *, mask: Array | None = None
    ) -> Array:
        axis = None if self.is_initializing() else self.axis_name
        known = use_running_average or self.use_running_average
        if known or axis is None or mask is not None or platform() != "tpu":
            return super().__call__(x, use_running_average, mask=mask)
        # Flax divides, stacks and takes apart around the sum over devices: five more operations,
        # each of which takes a TPU as long for 16 channels as for a thousand.
        now = _statistics(at_least_float32(x), axis)
        running: dict[str, Array] = {name: self.get_variable("batch_stats", name) for name in now}
        for name, value in now.items():
            self.put_variable("batch_stats", name, value)
        x = super().__call__(x, True)
        for name, value in now.items():
            average = self.momentum * running[name] + (1 - self.momentum) * value
            self.put_variable("batch_stats", name, average)
        return x


def _statistics(x: Array, axis_name: str) -> dict[str, Array]:
    """'mean' and 'var' [c] of x [n, ..., c] of all devices."""
    axes = tuple(range(x.ndim - 1))
    sums = lax.psum((jnp.sum(x, axes), jnp.sum(jnp.square(x), axes)), axis_name)
    count = x.size // x.shape[-1] * lax.axis_size(axis_name)
    mean, square = (value / count for value in sums)
    return {"mean": mean, "var": jnp.maximum(0.0, square - jnp.square(mean))}
