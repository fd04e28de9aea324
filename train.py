"""Trains a GAN or a recogniser: python train.py --config configs/quickstart.py"""

import sys

from gan_jax.__main__ import train

if __name__ == "__main__":
    sys.exit(train(sys.argv[1:], command="python train.py"))
