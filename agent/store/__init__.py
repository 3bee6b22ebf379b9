"""What survives a restart: the state directory with its database, its lock and its inbox."""
