"""Artifact Registry: repositories, what is in them, and the methods of its API."""
