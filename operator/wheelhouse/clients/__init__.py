"""The only modules that talk to the outside; errors are translated here, once, into wheelhouse.errors."""
