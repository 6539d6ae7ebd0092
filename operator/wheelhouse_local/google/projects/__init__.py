"""Projects, and what stands in them beside packages: services that are on, secrets, keys."""
