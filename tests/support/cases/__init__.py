"""Values that users, and attackers, write into the fields: valid ones, and the errors for the others."""

from support.cases.access import ACCESS, ACCESS_CASES
from support.cases.case import Case
from support.cases.repository import REMOTE, REPOSITORY_CASES, STANDARD, VIRTUAL

CASES = [*REPOSITORY_CASES, *ACCESS_CASES]

__all__ = ["ACCESS", "CASES", "REMOTE", "STANDARD", "VIRTUAL", "Case"]
