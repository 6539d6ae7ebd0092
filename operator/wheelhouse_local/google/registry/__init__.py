"""Artifact Registry: repositories, their contents, and the methods of its API."""
