"""The command `wheelhouse local`."""

from wheelhouse_local.cli import lifecycle, tools
from wheelhouse_local.cli.base import local

__all__ = ["local"]

for _command in (*lifecycle.COMMANDS, *tools.COMMANDS):
    local.add_command(_command)
