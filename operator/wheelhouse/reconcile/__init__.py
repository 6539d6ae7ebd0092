"""The loop: observe → plan → record → apply → report."""
