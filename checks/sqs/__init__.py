"""Checks of SQS queues: one file each."""
