"""Many GANs at once: several seeds, and sweeps over hyper-parameters, in one program."""
