"""The machine: devices, memory, checkpoints, logs, folders, the command line."""
