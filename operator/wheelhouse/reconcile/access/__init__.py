"""A RepositoryAccess: decides what it may have, wakes the other units, and reports."""
