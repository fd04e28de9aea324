"""The packages: those of gan_jax/, and the experiments of configs/ as a part of them."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["gan_jax*"]), "gan_jax.configs"],
    package_dir={"gan_jax.configs": "configs"},
)
