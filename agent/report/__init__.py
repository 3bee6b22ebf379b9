"""What an audit says, one format a file."""
