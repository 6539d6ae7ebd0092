"""The emulated Google: Artifact Registry, IAM, Security Token Service, metadata server and package index.

Each fact in its answers was recorded from the real service or is documented. Inferred ones are marked in the code.
Calls that are not emulated answer UNIMPLEMENTED.
"""
