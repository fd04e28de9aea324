"""The quickstart's DCGAN told which digit to draw, judged by the same recogniser.

    python train.py --config configs/conditional.py

Class-conditional batch normalisation in the generator and a projection in the discriminator (Miyato
and Koyama 2018); with --config.model.conditional=auxiliary a classifier beside the discriminator
instead (Odena et al. 2017). Generated images are asked for in the training set's mix of classes;
eval.json's class_agreement says how often the recogniser reads the digit that was asked for.

Not measured yet.
"""

from configs import quickstart


def get_config():
    config = quickstart.get_config()
    config.model.conditional = "projection"
    return config
