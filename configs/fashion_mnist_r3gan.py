"""R3GAN on Fashion-MNIST: the recipe of configs/mnist_r3gan.py, data and judge of fashion_mnist.py.

    python train.py --config configs/fashion_mnist_r3gan.py

Its 20,000 steps were not run. At width 32 with one block per resolution
(configs/recipes.py:fashion_mnist.r3gan --config.num_seeds=1) 1,000 steps come to fd_semantic 35.0 =
64 x its floor at n = 2,000. The article's GAN is at 45 after as many images, by another training of
the judge.

These numbers are by a judge from before packs were released (docs/released.md): compare them with
each other only.
"""

from configs import fashion_mnist, mnist_r3gan


def get_config():
    config = mnist_r3gan.get_config()
    fashion = fashion_mnist.get_config()
    config.dataset = fashion.dataset
    config.judge = fashion.judge
    config.num_steps = 20_000
    return config
