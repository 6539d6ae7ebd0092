"""Google: Artifact Registry, IAM policies, projects, tokens, identity, and the package index."""
