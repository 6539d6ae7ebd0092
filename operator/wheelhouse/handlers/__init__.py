"""The only modules that use Kopf: they turn events into keys."""
