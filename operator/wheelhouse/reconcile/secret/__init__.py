"""Secrets: tokens, writing, verification."""
