"""Statistics of textures: a vector an image, without any trained network."""
