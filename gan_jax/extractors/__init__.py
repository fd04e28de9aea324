"""Networks, and controls, that turn images into features: the judge's eyes."""
