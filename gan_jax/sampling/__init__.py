"""A trained GAN to images, walks, exports and programs."""
