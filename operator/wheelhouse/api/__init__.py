"""The models of both kinds: the single source of the CRDs."""
