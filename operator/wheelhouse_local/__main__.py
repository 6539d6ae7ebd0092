"""`python -m wheelhouse_local` is `wheelhouse local`."""

from wheelhouse_local.cli import local

local(prog_name="wheelhouse local")
