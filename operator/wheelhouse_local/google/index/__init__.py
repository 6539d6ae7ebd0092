"""The package indexes over HTTP: of all repositories, and the public one."""
