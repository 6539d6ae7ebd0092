"""What is remembered must be what would be computed now: each result that a Memo repeats is computed again."""

from collections.abc import Callable
from typing import Any

from wheelhouse.reconcile.memo import Memo

_get = Memo.get


def _checked(memo: Memo[Any, Any], key: Any, inputs: tuple[object, ...], compute: Callable[[], Any]) -> Any:
    known = memo._known.get(key)
    found = _get(memo, key, inputs, compute)
    if known is not None and known[0] == inputs:
        now = compute()
        # Two errors are never equal.
        assert found == now or repr(found) == repr(now), f"remembered of {key}: {found}, but now {now}"
    return found


def check_all() -> None:
    """Check every Memo of this process, from now on."""
    Memo.get = _checked  # type: ignore[method-assign] # every memo of the engine
