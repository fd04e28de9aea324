"""Side-by-side measurements of this package and of what one would use instead."""
