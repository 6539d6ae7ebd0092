"""What the local world cannot do, said so that a person can act on it."""


class LocalError(Exception):
    """The message says what is wrong and what to do; commands print it and exit with status 1."""
