"""Mode collapse: the meter, and what a run does about it."""
