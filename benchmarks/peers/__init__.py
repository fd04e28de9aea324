"""One module a peer: each builds a training step in its own library and serves turns of it."""
