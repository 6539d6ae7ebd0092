"""The search for the members that IAM rejects: first those that its message names, then by halves."""

import re
from collections.abc import Sequence

from wheelhouse.domain.iam import Grant, Pair, Policy
from wheelhouse.errors import Invalid


class Search:
    """Which additions to try next: k bad ones among n cost O(k log n) sets, and the search sets all others on the way.

    Attributes:
        only: the grants that the next attempt may add; None for all.
        over: whether there is nothing left to try.
    """

    def __init__(self) -> None:
        self.only: frozenset[Pair] | None = None
        self.over = False
        self._waiting: list[Sequence[Grant]] = []
        self._words = ""
        """IAM's message, if the next waiting grant must be the rejected one in case this attempt is accepted."""

    def refused(self, tried: Sequence[Grant], error: Invalid, observed: Policy) -> Sequence[Grant]:
        """IAM rejected a policy with these additions.

        Args:
            tried: the grants that the attempt added.
            error: IAM's error.
            observed: the policy without them.

        Returns:
            The grants that turn out to be rejected.

        Raises:
            Invalid: none of them is.
        """
        self._words = ""
        words = " ".join((error.message, *error.details))
        named = [grant for grant in tried if names(words, grant.member)]
        if not tried or (not named and _blames(words, observed)):
            raise error
        if len(tried) > 1 and not named:
            self._halve(tried, error.message)
            return ()
        blamed = named or tried
        if rest := [grant for grant in tried if grant not in blamed]:
            self._waiting.append(rest)
        self._advance()
        return blamed

    def accepted(self, added: Sequence[Grant]) -> tuple[Sequence[Grant], str]:
        """The attempt was set, or there was nothing to set.

        Args:
            added: the grants that it added.

        Returns:
            The grants that must be rejected because they are all that is left of a rejected policy, and IAM's message.
        """
        words, self._words = self._words, ""
        complete = self.only is not None and len(added) == len(self.only)  # Otherwise claims have changed meanwhile.
        if not words or not complete:
            self.over = not self._waiting
            self._advance()
            return (), ""
        sibling = self._waiting.pop()
        if len(sibling) > 1:
            self._halve(sibling, words)
            return (), ""
        self._advance()
        return sibling, words

    def _halve(self, group: Sequence[Grant], words: str) -> None:
        self._waiting += [group[len(group) // 2 :], group[: len(group) // 2]]
        self._advance()
        self._words = words

    def _advance(self) -> None:
        group = self._waiting.pop() if self._waiting else ()
        self.only = frozenset(grant.identity for grant in group)


def words_about(member: str, error: Invalid) -> str:
    """IAM's message for the access that wants a member: details about the members of other accesses are left out."""
    return " ".join((error.message, *(detail for detail in error.details if names(detail, member))))


def names(words: str, member: str) -> bool:
    """Whether IAM's message names a member, with its type or without, and not a longer one that contains it."""
    value = member.partition(":")[2] or member
    if value.lower() not in words.lower():
        return False
    return re.search(rf"(?<![\w.%+@/-]){re.escape(value)}(?![\w@/-]|\.\w)", words, re.IGNORECASE) is not None


def _blames(words: str, observed: Policy) -> bool:
    return any(names(words, member) for binding in observed.bindings for member in binding.members)
