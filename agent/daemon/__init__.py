"""What runs for months: one thread for each target, one judge, one writer, and whoever reads what they publish."""
