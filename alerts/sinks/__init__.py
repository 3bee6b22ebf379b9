"""Where messages go, one sink a file."""
