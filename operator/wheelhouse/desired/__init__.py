"""Spec → desired state (pure): the only place where a spec meets the domain."""
