"""Errors of the local world, with messages that a person can act on."""


class LocalError(Exception):
    """The message describes the problem and the remedy; commands print it and exit with status 1."""
