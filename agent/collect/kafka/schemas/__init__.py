"""Kafka messages that kafka-python has no schema for, in the JSON notation of the Kafka protocol."""
