"""How certain it is that something exists."""

from enum import IntEnum


class Level(IntEnum):
    """How certain it is that something exists."""

    NO = 0
    MAY = 1
    MUST = 2
