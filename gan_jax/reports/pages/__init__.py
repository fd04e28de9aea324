"""The pages that runs, studies and judgements leave behind, and what pages have in common."""
