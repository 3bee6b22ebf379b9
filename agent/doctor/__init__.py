"""Whether everything is in place before the first look: targets, rights, Slack, the state directory, and what it costs."""
