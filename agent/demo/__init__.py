"""What mqcanary shows to people who have no queues yet: a simulated cluster and a story to watch."""
