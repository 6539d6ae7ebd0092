"""The command `wheelhouse local`."""

from wheelhouse_local.cli import google, iam, lifecycle, pod, tools
from wheelhouse_local.cli.base import local
from wheelhouse_local.cli.requests import requests

__all__ = ["local"]

for _command in (*lifecycle.COMMANDS, *tools.COMMANDS, *pod.COMMANDS, requests, *google.COMMANDS, *iam.COMMANDS):
    local.add_command(_command)
for _command in (local, *local.commands.values()):
    # Docstrings with a backslash are raw; click needs that character before lines that it must not rewrap.
    _command.help = (_command.help or "").replace(r"\b", "\b")
