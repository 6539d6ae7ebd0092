"""Results that are kept while their inputs are the same."""

from wheelhouse.reconcile.memo import REMEMBERED, Memo


def counted(memo: Memo[str, int], calls: list[str], key: str, *inputs: object) -> int:
    return memo.get(key, inputs, lambda: calls.append(key) or len(calls))


def test_a_result_is_kept_while_its_inputs_are_equal() -> None:
    """Equal inputs give the result of before, and any other input a new one; each key has its own."""
    memo: Memo[str, int] = Memo()
    calls: list[str] = []
    assert counted(memo, calls, "a", ("x",), 1) == 1
    assert counted(memo, calls, "a", ("x",), 1) == 1
    assert counted(memo, calls, "a", ("x",), 2) == 2
    assert counted(memo, calls, "a", ("x",), 1) == 3
    assert counted(memo, calls, "b", ("x",), 1) == 4
    assert calls == ["a", "a", "a", "b"]


def test_the_key_that_was_asked_for_the_longest_ago_is_forgotten() -> None:
    """However many keys there are, the memory is bounded."""
    memo: Memo[str, int] = Memo()
    calls: list[str] = []
    for number in range(REMEMBERED):
        counted(memo, calls, f"k{number}")
    counted(memo, calls, "k0")
    counted(memo, calls, "more")
    calls.clear()
    counted(memo, calls, "k0")
    counted(memo, calls, "k1")
    assert calls == ["k1"]
