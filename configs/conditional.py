"""The DCGAN of configs/mnist5k_dcgan.py told which digit to draw, judged by the released mnist-v1.

    python train.py --config configs/conditional.py

Class-conditional batch normalisation in the generator and a projection in the discriminator (Miyato
and Koyama 2018). With --config.model.conditional=auxiliary a classifier stands beside the
discriminator instead (Odena et al. 2017). Digits are asked for in the training set's mix of
classes; class_agreement in eval.json says how often the recogniser reads the one asked for.

Its 8,000 steps were not run by a released judge. docs/leaderboard.md has the same networks
('projection') after 1,000, for three seeds, and configs/quickstart.py adds R1, R2 and the
relativistic loss.
"""

from configs import mnist5k_dcgan


def get_config():
    config = mnist5k_dcgan.get_config()
    config.model.conditional = "projection"
    return config
