"""The only rooms, with the simulated cluster, that know kafka-python: late imported, because it costs 0.4 s of CPU."""
