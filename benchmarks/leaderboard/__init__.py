"""docs/leaderboard.md: recipes and comparisons judged by the released packs."""
