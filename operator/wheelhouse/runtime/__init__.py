"""Queue, cache, resync and HTTP: what keeps the loop turning."""
