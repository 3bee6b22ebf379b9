"""Checks of Kafka clusters: one file each."""
