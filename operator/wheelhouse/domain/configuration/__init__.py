"""The files that clients read: pip.conf, uv.toml, netrc and .pypirc, one module each."""
