"""The search for the members that IAM rejects: first those that its words name, then by halves."""

import re
from collections.abc import Sequence

from wheelhouse.domain.iam import Grant, Pair, Policy
from wheelhouse.errors import Invalid


class Search:
    """Which additions to try next: k bad ones among n cost O(k log n) sets, and everything else is set on the way.

    Attributes:
        only: what the next attempt may add; None for all.
        over: whether nothing is left to try.
    """

    def __init__(self) -> None:
        self.only: frozenset[Pair] | None = None
        self.over = False
        self._waiting: list[Sequence[Grant]] = []
        self._words = ""
        """IAM's words, if the next that waits is to blame in case this attempt is accepted."""

    def refused(self, tried: Sequence[Grant], error: Invalid, observed: Policy) -> Sequence[Grant]:
        """IAM rejected a policy with these additions.

        Args:
            tried: what the attempt added.
            error: IAM's words.
            observed: the policy without them.

        Returns:
            The grants that are found to blame.

        Raises:
            Invalid: none of them is.
        """
        self._words = ""
        named = [grant for grant in tried if names(error.message, grant.member)]
        if not tried or (not named and _blames(error.message, observed)):
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
        """The attempt was set, or had nothing to set.

        Args:
            added: what it added.

        Returns:
            The grants that are to blame since nothing else is left of a policy that was rejected, and IAM's words.
        """
        words, self._words = self._words, ""
        complete = self.only is not None and len(added) == len(self.only)  # Else claims have changed meanwhile.
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


def names(words: str, member: str) -> bool:
    """Whether IAM's words name a member, with its type or without, and not a longer one that contains it."""
    value = member.partition(":")[2] or member
    if value.lower() not in words.lower():
        return False
    return re.search(rf"(?<![\w.%+@/-]){re.escape(value)}(?![\w@/-]|\.\w)", words, re.IGNORECASE) is not None


def _blames(words: str, observed: Policy) -> bool:
    return any(names(words, member) for binding in observed.bindings for member in binding.members)
