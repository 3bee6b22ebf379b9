"""Deliveries to words: what a message says, and how each sink writes it."""
