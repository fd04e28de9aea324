"""The article's recipe on full MNIST, judged by mnist-v1 and by that of cnn_mnist.py.

    python train.py --config configs/mnist.py

Batch 128, Adam with learning rate 2e-4 and beta1 0.5, 50 epochs (23,438 steps). Data: TFDS 'mnist';
if it is not prepared yet, the command says how. The four idx files serve as well:

    python train.py --config configs/mnist.py --config.dataset.name=idx --config.dataset.path=DIR \
        --config.judge.train.dataset.name=idx --config.judge.train.dataset.path=DIR

Hardware: a GPU or TPU; 2 CPU cores would need many hours (see benchmarks/README.md for its speed).

Not measured: neither full MNIST nor an accelerator could be had where this was written, so there
are no expected numbers yet. The networks and the steps are those that the tests run.
"""

from configs import cnn_mnist
from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.dataset.name = "tfds"
    config.dataset.tfds_name = "mnist"
    config.model.name = "article"
    config.model.latent_dim = 100
    config.model.initialization = "xavier"
    config.batch_size = 128
    config.num_epochs = 50.0
    config.generator_optimizer.learning_rate = 2e-4
    config.discriminator_optimizer.learning_rate = 2e-4
    config.generator_optimizer.b1 = 0.5
    config.discriminator_optimizer.b1 = 0.5
    config.judge.pack = "mnist-v1,runs/cnn_mnist/pack"
    config.judge.train = cnn_mnist.get_config()
    config.evaluation.every = 2345
    config.evaluation.num_samples = 10_000
    return config
