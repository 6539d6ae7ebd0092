"""A RepositoryAccess: decides, wakes, reports."""
