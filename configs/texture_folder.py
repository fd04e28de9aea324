"""A texture GAN on photographs of one's own."""

from configs import texture_brick


def get_config():
    config = texture_brick.get_config()
    config.dataset.name = "folder"
    config.dataset.photographs = ""
    config.dataset.crops = "random"
    return config
