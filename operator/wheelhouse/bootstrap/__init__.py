"""The composition root: builds a running operator from the settings."""
