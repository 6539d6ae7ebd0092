"""The methods of Artifact Registry's API, each once: gRPC and REST both serve this table.

What is not in it is not emulated.
"""
