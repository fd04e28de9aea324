"""What leaves this package: samples, latent walks, the generator as a program."""
