"""Kubernetes: a thin typed client on aiohttp (docs/decisions/0002-thin-kubernetes-client.md)."""
