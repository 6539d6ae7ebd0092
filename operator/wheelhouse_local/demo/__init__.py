"""`make demo`: the whole story with the real kubectl, twine, pip and uv, each command shown before it runs."""
