"""Wheelhouse: the Kubernetes operator for private Python packages on Google Artifact Registry."""

__all__ = ["__version__"]

__version__ = "0.1.0"
