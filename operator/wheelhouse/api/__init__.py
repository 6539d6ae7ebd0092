"""What a user may ask for: the single source of the CRDs."""
