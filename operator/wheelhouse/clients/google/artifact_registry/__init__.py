"""Artifact Registry over its asynchronous gRPC client."""
