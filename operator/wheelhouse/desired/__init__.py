"""Spec → desired state (pure): the only place that converts a spec into the domain's values."""
