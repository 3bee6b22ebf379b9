"""Checks of SQS FIFO queues: one file each."""
