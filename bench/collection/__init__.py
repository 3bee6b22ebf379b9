"""What one collection costs, at sizes up to 150,000 group-partitions and beside other clients. Run: python -m bench.collection."""
