"""The augmentation study: does adding generated images to few real ones help recognition?"""
