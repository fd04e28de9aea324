"""The recogniser reads generated images, and learns from them."""
