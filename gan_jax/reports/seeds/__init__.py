"""What several trainings say together: seeds, settings, arms of a study."""
