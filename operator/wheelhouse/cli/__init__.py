"""The command line. `wheelhouse local` and others are added by the entry-point group `wheelhouse.commands`."""
