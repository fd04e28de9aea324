"""A texture GAN on photographs of one's own, all of one texture.

    python train.py --config configs/texture_folder.py --config.dataset.path=DIR

Crops of 64 x 64 are cut at random places out of every photograph in DIR. What repeats should fit
into a crop two or three times: shrink the photographs where it does not. Photographs in folders of
their own, a folder a texture: set config.model.num_textures to their number and
config.model.conditional='projection', as configs/texture_all.py does. The model is that of
configs/texture_grass.py, for what has no period. For what has one, such as a brick wall, take
configs/texture_brick.py with config.dataset.name=folder, photographs='' and crops=random.

Hardware: 2 CPU cores.
"""

from configs import texture_grass


def get_config():
    config = texture_grass.get_config()
    config.dataset.name = "folder"
    config.dataset.photographs = ""
    config.dataset.crops = "random"
    return config
