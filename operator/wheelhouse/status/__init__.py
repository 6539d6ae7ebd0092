"""Findings → conditions and status (pure): the only writer of conditions."""
