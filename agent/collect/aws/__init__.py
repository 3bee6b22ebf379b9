"""What AWS shows: SQS queues."""
