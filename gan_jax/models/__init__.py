"""Flax modules: networks with plain hyper-parameters and no training logic."""
