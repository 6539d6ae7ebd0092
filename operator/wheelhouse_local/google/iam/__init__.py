"""Callers and their permissions: tokens and their exchange, members, roles, policies."""
