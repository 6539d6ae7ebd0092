"""Queue, cache, resync and HTTP: what runs the loop."""
