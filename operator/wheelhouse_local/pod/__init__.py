"""A process with the identity and the network of a pod on GKE: for clients that ask the metadata server for a token."""
