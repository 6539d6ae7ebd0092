"""The only modules that know Kopf: they turn events into keys."""
