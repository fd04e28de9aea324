"""The DCGAN of configs/fashion_mnist.py told which garment to draw, by the same judge.

    python train.py --config configs/fashion_mnist_conditional.py

Data as there. Class-conditional batch normalisation and a projection discriminator (Miyato and
Koyama 2018).

Not measured yet.
"""

from configs import fashion_mnist


def get_config():
    config = fashion_mnist.get_config()
    config.model.conditional = "projection"
    return config
