"""Textures judged by statistics of their crops."""
