"""Super-resolution: an image-conditioned GAN that enlarges, against what is easier."""
