"""Class-conditional GANs: the classes asked for, and those found."""
