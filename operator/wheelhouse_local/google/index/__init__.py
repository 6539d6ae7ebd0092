"""The package indexes over HTTP: those of all repositories, and the public one."""
