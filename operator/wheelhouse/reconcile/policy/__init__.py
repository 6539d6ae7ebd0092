"""A repository's IAM policy: all accesses together."""
