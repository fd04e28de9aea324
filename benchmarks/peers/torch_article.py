"""The article's GAN step in PyTorch, eager: prints steps timed, as JSON.

The same layers, losses (non-saturating), optimiser and batch as `gan_jax.models.article`, and the
same order of work: one update of the discriminator, then one of the generator on fresh latents.
"""

import json
import sys
import time

import torch
from torch import nn


def generator(latent_dim: int) -> nn.Module:
    """Latents [n, latent_dim] to images [n, 1, 28, 28]."""
    layers: list[nn.Module] = []
    width = latent_dim
    for features in (128, 256, 512, 1024, 7 * 7 * 256):
        layers += [nn.Linear(width, features, bias=False), nn.BatchNorm1d(features)]
        layers += [nn.LeakyReLU(0.3)]
        width = features
    layers += [nn.Unflatten(1, (256, 7, 7))]
    layers += [nn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False), nn.BatchNorm2d(128)]
    layers += [nn.LeakyReLU(0.3)]
    layers += [nn.ConvTranspose2d(128, 64, 5, 2, 2, 1, bias=False), nn.BatchNorm2d(64)]
    layers += [nn.LeakyReLU(0.3), nn.ConvTranspose2d(64, 1, 7, 2, 3, 1), nn.Tanh()]
    return nn.Sequential(*layers)


def discriminator() -> nn.Module:
    """Images [n, 1, 28, 28] to logits [n, 1]."""
    return nn.Sequential(
        nn.Conv2d(1, 64, 5, 2, 2), nn.LeakyReLU(0.3), nn.Dropout(0.3),
        nn.Conv2d(64, 128, 5, 2, 2), nn.LeakyReLU(0.3), nn.Dropout(0.3),
        nn.Flatten(), nn.Linear(7 * 7 * 128, 1),
    )  # fmt: skip


def main(batch_size: int, seconds: float) -> None:
    """Trains on random images for some seconds after a warm-up."""
    torch.manual_seed(0)
    g, d = generator(100), discriminator()
    adam_g = torch.optim.Adam(g.parameters(), 2e-4, (0.5, 0.999))
    adam_d = torch.optim.Adam(d.parameters(), 2e-4, (0.5, 0.999))
    softplus = nn.functional.softplus
    real = torch.rand(batch_size, 1, 28, 28) * 2 - 1

    def step() -> None:
        with torch.no_grad():
            fake = g(torch.randn(batch_size, 100))
        loss = (softplus(-d(real)) + softplus(d(fake))).mean()
        adam_d.zero_grad()
        loss.backward()
        adam_d.step()
        loss = softplus(-d(g(torch.randn(batch_size, 100)))).mean()
        adam_g.zero_grad()
        loss.backward()
        adam_g.step()

    for _ in range(3):
        step()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step()
        count += 1
    elapsed = time.perf_counter() - start
    rate = count * batch_size / elapsed
    print(json.dumps({"images_per_second": rate, "steps": count, "version": torch.__version__}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
