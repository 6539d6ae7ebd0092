"""The only modules that make requests; they translate errors once, into wheelhouse.errors."""
