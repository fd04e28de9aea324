"""Images against a reference, in numbers with their protocol."""
