"""Debts: what objects leave behind that disappear without a release."""

from wheelhouse.domain.names import ObjectKey
from wheelhouse.reconcile.debts import Debts, SecretDebt

DEBT = SecretDebt(ObjectKey("team", "a"), "uid", "team", "pip")


def test_a_released_object_owes_nothing() -> None:
    """Its release removed everything, and its disappearance leaves no debt."""
    debts = Debts()
    debts.released(DEBT.uid)
    debts.owe(DEBT)
    assert debts.secrets(DEBT.access, DEBT.namespace) == ()


def test_a_released_object_that_a_backup_brings_back_owes_again() -> None:
    """It gets its grants and its Secret again, and can disappear without a release a second time."""
    debts = Debts()
    debts.released(DEBT.uid)
    debts.lives(DEBT.uid)
    debts.owe(DEBT)
    assert debts.secrets(DEBT.access, DEBT.namespace) == (DEBT,)
