"""Certificates for TLS between the actors of one installation: an authority of its own, servers and clients.

Meant for one machine or a trial. A site with an authority of its own puts its files in place of these.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from actors.shared.serving import write_durably
from profiles.errors import Conflict

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 825
_NAMES: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)
_Key = ec.EllipticCurvePrivateKey


def init(directory: Path, site: str = "Stepwell", clients: Iterable[str] = ("client",)) -> None:
    """Make ``authority``, ``server`` and one file pair per client: ``<name>.pem`` and ``<name>.key``.

    Args:
        directory: made with mode 0700 if it is not there; keys in it have mode 0600.
        site: name of the organisation in the certificates.
        clients: names of the client certificates.

    Raises:
        Conflict: when one of the files is there already; nothing is overwritten.
        OSError: when the directory cannot be written.
    """
    clients = tuple(clients)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)
    files = [directory / f"{name}.{kind}" for name in ("authority", "server", *clients) for kind in ("pem", "key")]
    for path in files:
        if path.exists():
            raise Conflict(
                f"{path} is there already, and certificates in use are not overwritten. Name another directory, "
                "or move the old files away."
            )
    try:
        _make(directory, site, clients)
    except OSError:  # half a set of certificates would be in the way of the next attempt
        for path in files:
            path.unlink(missing_ok=True)
        raise


def _make(directory: Path, site: str, clients: Iterable[str]) -> None:
    now = datetime.now(UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, site, now)
    _write(directory, "authority", authority, authority_key)
    for name in ("server", *clients):
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if name == "server" else ExtendedKeyUsageOID.CLIENT_AUTH
        subject = _name(site, f"Stepwell {name}")
        builder = _builder(subject, authority.subject, key, now, CERTIFICATE_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        if name == "server":
            builder = builder.add_extension(x509.SubjectAlternativeName(_NAMES), critical=False)
        _write(directory, name, builder.sign(authority_key, hashes.SHA256()), key)


def _name(site: str, common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, site), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: _Key, now: datetime, days: int) -> x509.CertificateBuilder:
    """The parts that all certificates have; valid from a minute ago, because clocks differ."""
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(minutes=1)).not_valid_after(now + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(key: _Key, site: str, now: datetime) -> x509.Certificate:
    name = _name(site, "Stepwell authority")
    builder = _builder(name, name, key, now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_usage(signs=True), critical=True).sign(key, hashes.SHA256())


def _write(directory: Path, name: str, certificate: x509.Certificate, key: _Key) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_durably(directory / f"{name}.key", private, mode=0o600)
    write_durably(directory / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
