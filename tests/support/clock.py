"""A wrong clock for one process: libfaketime, which changes the time that the process gets from the C library."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HOUR = 3600.0
_NAME = "libfaketime.so.1"
_PROBE = "import time; print(time.time(), time.monotonic())"


class Clock:
    """The clock of processes that are started with its variables; a file contains its offset."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set("+0")

    def set(self, offset: str) -> None:
        """Set the offset, such as `+1h`, or `+0` for none; processes follow within a second."""
        pending = self._file.with_suffix(".new")
        pending.write_text(f"{offset}\n")
        pending.replace(self._file)

    @property
    def variables(self) -> dict[str, str]:
        """The variables for a process. Timers are right, as they are on a machine with a wrong clock.

        The library is named without its folder, because LD_PRELOAD accepts no path with a space.
        """
        return {
            "LD_PRELOAD": _NAME,
            "LD_LIBRARY_PATH": str(_folder() or ""),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def problem() -> str | None:
    """Why no clock can be wrong here, and what to do about it; None where it can.

    On Linux on x86-64, `make` installs the library with the other requirements.
    """
    if sys.platform != "linux":
        return "the test needs Linux: run it there, for example in a container"
    remedy = "install the package libfaketime of your distribution"
    folder = _folder()
    if folder is None:
        return f"{_NAME} is not there: {remedy}"
    with tempfile.TemporaryDirectory(prefix="a clock ") as name:
        clock = Clock(Path(name) / "offset")
        clock.set("+1h")
        right, wrong = _times({}), _times(clock.variables)
    moved = right is not None and wrong is not None and HOUR <= wrong[0] - right[0] < HOUR + 60
    timers = right is not None and wrong is not None and wrong[1] - right[1] < 60
    return None if moved and timers else f"{folder / _NAME} does not move the clock: {remedy}"


def _folder() -> Path | None:
    """The folder of the library: in PyPI's package libfaketime (Linux on x86-64), or that of distributions."""
    spec = importlib.util.find_spec("libfaketime")
    places = [] if spec is None else [Path(place) for place in spec.submodule_search_locations or ()]
    folders = [place / "vendor/libfaketime/src" for place in places]
    folders += [*Path("/usr").glob("lib*/faketime"), *Path("/usr").glob("lib*/*/faketime")]
    return next((folder for folder in folders if (folder / _NAME).exists()), None)


def _times(more: dict[str, str]) -> tuple[float, float] | None:
    """Seconds since 1970 and of the monotonic clock, as a process sees them; None if it fails."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE], env={**os.environ, **more}, capture_output=True, text=True, check=False
    )
    words = done.stdout.split()
    return (float(words[0]), float(words[1])) if len(words) == 2 else None
