"""Projects, and what they contain besides packages: enabled services, secrets, keys."""
