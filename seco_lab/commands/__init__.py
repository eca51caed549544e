"""What each subcommand does: plain functions from parsed arguments to a dictionary of results."""
