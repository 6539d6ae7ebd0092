"""Scenarios that run side by side in one world: each is a generator, and the loop advances those that need not wait."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from e2e.attacks.board import Board
from e2e.attacks.pair import Pair, Wait, Wishes
from support.hands import Hands
from support.kube import Kube

from wheelhouse_local import control
from wheelhouse_local.world import World

Steps = Iterator[Wait]
Story = Callable[[Pair], Steps]
ATTACKS: list["Attack"] = []
JUDGE = Wait(lambda: False, "the judgment of all scenarios")
"""The last wait of a scenario: what follows it runs when every attack has been tried."""
CALM = Wait(lambda: True, "the other scenarios that run alone")
"""The wait after which a scenario no longer needs to run alone."""


@dataclass(frozen=True)
class Attack:
    """One scenario. Those that need a fault of the emulated Google run alone, because a fault concerns every caller."""

    kind: str
    story: Story
    alone: bool
    wishes: Wishes

    @property
    def key(self) -> str:
        """The name of the scenario, which is also the ID of its repository."""
        return self.story.__name__.replace("_", "-")

    def __str__(self) -> str:
        return f"{self.kind}: {self.key}"


def attack(*, alone: bool = False, **wishes: Any) -> Callable[[Story], Story]:
    """Register a scenario; its kind is its module's name, and its docstring says what the attacker tries."""

    def register(story: Story) -> Story:
        assert story.__doc__, f"{story.__name__} does not say what the attacker tries"
        ATTACKS.append(Attack(story.__module__.rpartition(".")[2], story, alone, Wishes(**wishes)))
        return story

    return register


@dataclass
class _Run:
    """One scenario that runs."""

    attack: Attack
    pair: Pair
    steps: Steps
    wait: Wait = field(default_factory=lambda: Wait(lambda: True, "the start"))
    until: float = 0.0
    error: BaseException | None = None


class Matrix:
    """Applies scenarios to a world, and judges each of them once all have been applied."""

    def __init__(self, world: World, attacks: Sequence[Attack]) -> None:
        self._kube = Kube(world)
        self._board = Board(self._kube)
        self._runs: dict[str, _Run] = {}
        admin = Hands(world.server, world.ca, (world.state.control_plane / "admin-token").read_text())
        pairs = [Pair(self._kube, admin, self._board, each.key, each.wishes) for each in attacks]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(Pair.prepare, pairs))
        for each, pair in zip(attacks, pairs, strict=True):
            self._runs[each.key] = _Run(each, pair, self._whole(each, pair))
        runs = list(self._runs.values())
        self._advance(runs, CALM)
        for run in runs:
            if run.attack.alone and run.error is None:
                self._advance([run], CALM)
                control.clear(world.state)
                world.start("operator")
        self._advance([run for run in runs if run.error is None and run.wait is not JUDGE])
        self._board.close()

    def judge(self, attack: Attack) -> None:
        """Check the outcome of one scenario: its own assertions, and what holds for every scenario."""
        run = self._runs[attack.key]
        if run.error is not None:
            raise run.error
        assert next(run.steps, None) is None, "a scenario may not wait after JUDGE"
        run.pair.check()

    @staticmethod
    def _whole(attack: Attack, pair: Pair) -> Steps:
        yield from pair.settled()
        yield CALM
        yield from attack.story(pair)

    def _advance(self, runs: Sequence[_Run], until: Wait = JUDGE) -> None:
        """Advance scenarios until each of them is at this wait or at its judgment, or has failed."""
        left = list(runs)
        while left:
            self._board.refresh()
            left = [run for run in left if self._step(run) and run.wait not in (until, JUDGE)]
            time.sleep(0.1)

    def _step(self, run: _Run) -> bool:
        """Advance one scenario by one wait, since the board shows nothing newer; whether it still waits."""
        try:
            if run.wait.check():
                run.wait = next(run.steps)
                run.until = time.monotonic() + run.wait.patience
        except StopIteration:
            run.error = AssertionError("the scenario ended without a judgment")
            return False
        except Exception as error:  # noqa: BLE001 - the test of this scenario reports it, and the others go on
            run.error = error
            return False
        if time.monotonic() > run.until:
            run.error = AssertionError(f"waited {run.wait.patience} s for {run.wait.what}")
            return False
        return True
