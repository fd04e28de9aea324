"""One loop, and what it trains."""
