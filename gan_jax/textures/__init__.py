"""Textures: judged by statistics, and drawn at any size."""
