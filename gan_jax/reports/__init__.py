"""The pages that runs leave behind."""
