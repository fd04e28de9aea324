"""The works' networks in PyTorch, NCHW."""

from __future__ import annotations

from torch import Tensor, nn

from benchmarks.works import Work


def make_networks(work: Work) -> dict[str, nn.Module]:
    """The work's networks by name: 'generator' and 'discriminator', or 'recogniser'."""
    if work.model == "cnn":
        return {"recogniser": _cnn(work)}
    article = work.model == "article"
    nets = {
        "generator": (_article_generator if article else _dcgan_generator)(work),
        "discriminator": (_article_discriminator if article else _dcgan_discriminator)(work),
    }
    for net in nets.values():
        net.apply(_xavier if article else _normal)
    return nets


class _Image(nn.Module):
    """Vectors [n, c*h*w] to maps [n, c, h, w]."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self._shape = (channels, height, width)

    def forward(self, x: Tensor) -> Tensor:
        return x.view(-1, *self._shape)


def _article_generator(work: Work) -> nn.Module:
    height, width, channels = work.image_shape
    height, width = height // 4, width // 4
    layers: list[nn.Module] = []
    inputs = work.latent_dim
    for features in (128, 256, 512, 1024, height * width * 256):
        layers += [nn.Linear(inputs, features, bias=False), nn.BatchNorm1d(features)]
        layers += [nn.LeakyReLU(0.3, inplace=True)]
        inputs = features
    return nn.Sequential(
        *layers,
        _Image(256, height, width),
        nn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.3, inplace=True),
        nn.ConvTranspose2d(128, 64, 5, 2, 2, output_padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.3, inplace=True),
        nn.ConvTranspose2d(64, channels, 7, 2, 3, output_padding=1),
        nn.Tanh(),
    )


def _article_discriminator(work: Work) -> nn.Module:
    height, width, channels = work.image_shape
    return nn.Sequential(
        nn.Conv2d(channels, 64, 5, 2, 2),
        nn.LeakyReLU(0.3, inplace=True),
        nn.Dropout(work.dropout_rate),
        nn.Conv2d(64, 128, 5, 2, 2),
        nn.LeakyReLU(0.3, inplace=True),
        nn.Dropout(work.dropout_rate),
        nn.Flatten(),
        nn.Linear(height // 4 * (width // 4) * 128, 1),
    )


def _dcgan_generator(work: Work) -> nn.Module:
    height, width, channels = work.image_shape
    features, scale = work.features[::-1], 2**work.stages
    height, width = height // scale, width // scale
    layers: list[nn.Module] = [
        nn.Linear(work.latent_dim, features[0] * height * width, bias=False),
        _Image(features[0], height, width),
        nn.BatchNorm2d(features[0]),
        nn.ReLU(inplace=True),
    ]
    for inputs, outputs in zip(features, features[1:]):
        layers += [
            nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.ConvTranspose2d(features[-1], channels, 4, 2, 1), nn.Tanh())


def _dcgan_discriminator(work: Work) -> nn.Module:
    height, width, channels = work.image_shape
    layers: list[nn.Module] = []
    inputs = channels
    for stage, outputs in enumerate(work.features):
        normed = stage > 0 and work.discriminator_norm == "batch"
        layers.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not normed))
        layers += [nn.BatchNorm2d(outputs)] if normed else []
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        inputs = outputs
    scale = 2**work.stages
    size = inputs * (height // scale) * (width // scale)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, 1))


def _cnn(work: Work) -> nn.Module:
    height, width, inputs = work.image_shape
    layers: list[nn.Module] = []
    for outputs in work.widths:
        for _ in range(2):
            layers += [nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)]
            layers += [nn.ReLU(inplace=True)]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
        height, width = height // 2, width // 2
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(inputs * height * width, work.dense, bias=False),
        nn.BatchNorm1d(work.dense),
        nn.ReLU(inplace=True),
        nn.Dropout(work.dropout_rate),
        nn.Linear(work.dense, work.num_classes),
    )


def _xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_uniform_(module.weight)


def _normal(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
