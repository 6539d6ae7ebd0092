"""The composition root: settings in, a running operator out."""
