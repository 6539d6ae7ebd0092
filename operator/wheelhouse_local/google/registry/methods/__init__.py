"""The methods of Artifact Registry's API, each defined once: gRPC and REST both use this table.

Methods that are not in it are not emulated.
"""
