"""Training steps compiled for TPUs that are not here, and what the compiler estimates of them."""
