"""Keys and certificates of a world's control plane: created once, for this world only."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wheelhouse_local.state import write_private

_LIFETIME = datetime.timedelta(days=3650)
_NAMES = ("localhost", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")


def ensure(directory: Path) -> None:
    """Create ca.pem, server.pem with server-key.pem (TLS, etcd's clients), service-account-key.pem, if missing."""
    if not (directory / "server.pem").exists():
        authority, issuer = _authority()
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = _leaf(key.public_key(), authority, issuer)
        write_private(directory / "ca.pem", authority.public_bytes(Encoding.PEM))
        write_private(directory / "server-key.pem", _pem(key))
        write_private(directory / "server.pem", leaf.public_bytes(Encoding.PEM))
    if not (directory / "service-account-key.pem").exists():
        # RSA, as on GKE: ServiceAccount tokens are signed with RS256.
        write_private(directory / "service-account-key.pem", _pem(rsa.generate_private_key(65537, 2048)))


def _authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Create a CA whose key is discarded after it signs one certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("wheelhouse local world")
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = _builder(name, name, key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(key, hashes.SHA256()), key


def _leaf(
    key: ec.EllipticCurvePublicKey, authority: x509.Certificate, issuer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in _NAMES]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    builder = _builder(_name("wheelhouse local control plane"), authority.subject, key)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(usages, critical=False)
    # Python 3.13 and later reject a certificate that does not name its issuer's key.
    return builder.add_extension(identifier, critical=False).sign(issuer, hashes.SHA256())


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(hours=1),
        not_valid_after=now + _LIFETIME,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
