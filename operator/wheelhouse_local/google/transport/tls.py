"""The world's own certificate authority, and the certificate of its ports."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wheelhouse_local.state import write_private

LIFE = timedelta(days=3650)


def server_credentials(data: Path) -> grpc.ServerCredentials:
    """Credentials for the gRPC port; created once, stored in `data` (clients trust ca.pem)."""
    certificate, key = _pair(data)
    return grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])


def https_context(data: Path, *hosts: str) -> ssl.SSLContext:
    """The same certificate for an HTTPS port; a new one is for these hosts too."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*_pair(data, *hosts))
    return context


def _pair(data: Path, *hosts: str) -> tuple[Path, Path]:
    if not (data / "server.pem").exists():
        _create(data, *hosts)
    return data / "server.pem", data / "server-key.pem"


def _create(data: Path, *hosts: str) -> None:
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Wheelhouse local world")])
    hostnames = [x509.DNSName(host) for host in ("localhost", *hosts)]
    names = x509.SubjectAlternativeName([*hostnames, x509.IPAddress(IPv4Address("127.0.0.1"))])
    ca = (
        _builder(issuer, issuer, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    server = (
        _builder(subject, issuer, server_key.public_key())
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    key = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(data / "ca.pem", ca.public_bytes(serialization.Encoding.PEM))
    write_private(data / "server-key.pem", key)
    write_private(data / "server.pem", server.public_bytes(serialization.Encoding.PEM))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFE)
    )
