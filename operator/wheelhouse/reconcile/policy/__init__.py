"""A repository's IAM policy: shared by all its accesses."""
