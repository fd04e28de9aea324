"""What is measured, as data: networks, batch and update. Needs the standard library only."""

from __future__ import annotations

import dataclasses
import json

UPDATES = ("alternating", "simultaneous", "reuse")
DTYPES = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True)
class Work:
    """A training step that every peer builds with the same layers, losses, optimiser and batch.

    Attributes:
        name: what the command line and the results call it.
        model: 'article', 'dcgan', 'r3gan', 'resnet' (each a GAN) or 'cnn' (the recogniser).
            'r3gan' and 'resnet' are known to gan_jax and plain Flax only.
        image_shape: (h, w, c); h and w are multiples of 4, for all GANs but 'article' a base of 4
            to 7 pixels times a power of two, so that nothing is cropped.
        batch_size: images a step.
        latent_dim: length of the standard normal latents.
        width: channels of the outermost hidden layer of 'dcgan' and 'resnet', of all of 'r3gan'.
        kernel_size: side of the DCGAN's kernels; 4.
        discriminator_norm: of the DCGAN: 'batch' or 'none'.
        dropout_rate: of the article's discriminator and of the recogniser.
        loss: 'non_saturating' or 'relativistic'.
        r1_weight, r2_weight: R1 on real and R2 on generated images in every update of the
            discriminator; 0 for none.
        learning_rate, b1, b2: of Adam, for both networks.
        widths, dense, num_classes: of the recogniser.
    """

    name: str
    model: str
    image_shape: tuple[int, int, int]
    batch_size: int
    latent_dim: int = 64
    width: int = 64
    kernel_size: int = 4
    discriminator_norm: str = "batch"
    dropout_rate: float = 0.3
    loss: str = "non_saturating"
    r1_weight: float = 0.0
    r2_weight: float = 0.0
    learning_rate: float = 2e-4
    b1: float = 0.5
    b2: float = 0.999
    widths: tuple[int, ...] = (16, 32, 64)
    dense: int = 128
    num_classes: int = 10

    @property
    def is_gan(self) -> bool:
        """Whether two networks are trained."""
        return self.model != "cnn"

    @property
    def stages(self) -> int:
        """Layers of stride 2 between the DCGAN's image and its base of 4 to 7 pixels."""
        stages, side = 0, min(self.image_shape[:2])
        while side >= 8:
            stages, side = stages + 1, side // 2
        return stages

    @property
    def features(self) -> list[int]:
        """Channels after each stage of the DCGAN's discriminator, from the image inwards."""
        return [self.width * min(2**stage, 8) for stage in range(self.stages)]


WORKS = {
    work.name: work
    for work in (
        Work("article", "article", (28, 28, 1), 128, latent_dim=100),
        Work("dcgan32", "dcgan", (32, 32, 3), 64, latent_dim=100),
        Work("dcgan64", "dcgan", (64, 64, 3), 64, latent_dim=100),
        Work(
            "dcgan32_r1", "dcgan", (32, 32, 3), 64,
            latent_dim=100, discriminator_norm="none", r1_weight=1.0,
        ),
        Work("cnn", "cnn", (28, 28, 1), 128, learning_rate=2e-3, b1=0.9),
        Work(
            "dcgan28", "dcgan", (28, 28, 1), 64,
            latent_dim=64, width=32, learning_rate=1e-3, b2=0.99,
        ),
    )
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Task:
    """What one process is asked to do.

    Attributes:
        work: the networks.
        variant: how the peer runs them, see `benchmarks.contestants`.
        update: 'alternating' draws new images for each of the two updates; 'simultaneous' makes
            them once, and both networks meet each other as they were before the step; 'reuse' makes
            them once and shows them again to the discriminator after its update, as PyTorch's DCGAN
            example does. The recogniser has one update whatever is asked.
        dtype: 'float32', or 'bfloat16' for mixed precision with float32 parameters.
    """

    work: Work
    variant: str = ""
    update: str = "alternating"
    dtype: str = "float32"

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        """The task of a line of JSON."""
        fields = json.loads(text)
        work = fields.pop("work")
        work = {k: tuple(v) if isinstance(v, list) else v for k, v in work.items()}
        return cls(Work(**work), **fields)
