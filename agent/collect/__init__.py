"""Collectors: one target in, one Snapshot out."""
