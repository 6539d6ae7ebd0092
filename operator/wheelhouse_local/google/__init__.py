"""The emulated Google: Artifact Registry, IAM policies, Security Token Service, metadata server and package index.

Each fact it answers with was recorded from the real service or documented; what is only inferred says so where it
stands, and what is not covered answers UNIMPLEMENTED.
"""
