"""A texture GAN on photographs of your own, all of one texture.

    python train.py --config configs/texture_folder.py --config.dataset.path=DIR

Crops of 64 x 64 are cut at random places out of every photograph in DIR. What repeats should fit
into a crop two or three times: shrink the photographs where it does not. The model is that of
configs/texture_grass.py, for what has no period. For what has one, such as a brick wall, take
configs/texture_brick.py with config.dataset.name=folder, photographs='' and crops=random.

For several textures give each a folder of its own, set config.model.num_textures to their number
and config.model.conditional='projection', as configs/texture_all.py does.

Hardware: 2 CPU cores.

Measured on one of 2 cores of an AMD EPYC, JAX 0.10.2, seed 0, on a photograph of stained tissue in
colour: 1,058 s for 6,000 of the 10,000 steps (5.7 steps/s), texture_fd 1.23 (floor 0.068) against
held-out crops, where real training crops score 1.24. docs/texture_results.md has the picture.
"""

from configs import texture_grass


def get_config():
    config = texture_grass.get_config()
    config.dataset.name = "folder"
    config.dataset.photographs = ""
    config.dataset.crops = "random"
    return config
