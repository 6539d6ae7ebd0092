"""`make demo`: the whole workflow with the real kubectl, twine, pip and uv, each command shown before it runs."""
