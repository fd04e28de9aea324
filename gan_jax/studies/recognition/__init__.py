"""Generated images read by several recognisers: labels, confidence, agreement."""
