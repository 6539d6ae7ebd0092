"""What clients are given to read: pip.conf, uv.toml, netrc and .pypirc, one module each."""
