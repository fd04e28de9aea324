"""What only measurements of textures need: damage, textures without training, seams of tiles."""
