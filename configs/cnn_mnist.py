"""The recogniser of full MNIST, and the judge of configs/mnist.py.

    python train.py --config configs/cnn_mnist.py

Data: TFDS 'mnist' (60,000 + 10,000 images). If it is not prepared yet, the command says how to
prepare it. The four idx files serve as well, and load faster:

    python train.py --config configs/cnn_mnist.py --config.dataset.name=idx \
        --config.dataset.path=DIR

Hardware: any; 2 CPU cores need about as long as configs/cnn_fashion_mnist.py, which has as many
images of the same size.

Not measured: full MNIST could not be had where this was written. The same network trained on 4,000
of its digits reads the built-in test digits as configs/cnn_mnist5k.py says.
"""

from configs import cnn_mnist5k


def get_config():
    config = cnn_mnist5k.get_config()
    config.name = "cnn-mnist"
    config.dataset.name = "tfds"
    config.dataset.tfds_name = "mnist"
    config.batch_size = 128
    config.num_epochs = 4.0
    return config
