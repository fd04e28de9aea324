"""Do generated images help recognition? Many trainings with and without them."""
