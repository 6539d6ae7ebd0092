"""The files that clients read: pip.conf, uv.toml, pdm.toml, netrc and .pypirc, one module each."""
