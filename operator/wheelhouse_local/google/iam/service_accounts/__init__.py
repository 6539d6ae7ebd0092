"""IAM service accounts: how they are stored, deleted and restored."""
