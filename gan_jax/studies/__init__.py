"""Questions that are answered by many trainings."""
