"""A setting of asyncio's TLS: a smaller buffer for what connections read."""

from asyncio.sslproto import SSLProtocol

READ_BUFFER = 64 * 1024
"""Bytes of each connection's buffer, and of what each read allocates. A TLS record has at most 16 KiB (RFC 8446,
section 5.1), so larger reads return no more. asyncio's default is 256 KiB: 29 MB for all connections of the operator.
"""


def limit_read_buffers() -> None:
    """Let TLS connections that are opened from now on use `READ_BUFFER`."""
    SSLProtocol.max_size = READ_BUFFER
