"""The command line; `wheelhouse local` and others join through the entry-point group `wheelhouse.commands`."""
