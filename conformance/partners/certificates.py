"""Certificates that nobody should trust, made for the moment (Connectathon test 11110)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conformance.partners.syslog import TlsFiles

_DAY = timedelta(days=1)
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Wrong:
    """A way to come in that should be refused.

    Attributes:
        words: what is wrong.
        context: for a client.
    """

    words: str
    context: ssl.SSLContext


def wrong_certificates(tls: TlsFiles, authority_key: Path | None, folder: Path) -> Iterator[Wrong]:
    """Each way that the harness can make.

    Args:
        tls: the good files.
        authority_key: of the authority that signed them, if the harness may have it.
        folder: where the wrong ones are written.
    """
    yield Wrong("no certificate", _context(tls))
    own, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "harness")])
    yield Wrong("a self-signed certificate", _with(tls, _signed(subject, subject, own, own, now), own, folder / "self"))
    authority = x509.load_pem_x509_certificate(tls.authority.read_bytes())
    other = ec.generate_private_key(ec.SECP256R1())
    forged = _signed(subject, authority.subject, own, other, now)
    yield Wrong("a certificate of an unknown authority of the same name", _with(tls, forged, own, folder / "unknown"))
    key = serialization.load_pem_private_key(tls.key.read_bytes(), None)
    good = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
    octets = bytearray(good.public_bytes(serialization.Encoding.DER))
    octets[-5] ^= 0xFF
    corrupted = x509.load_der_x509_certificate(bytes(octets))
    yield Wrong("a certificate with a corrupted signature", _with(tls, corrupted, key, folder / "corrupted"))
    if authority_key is not None:
        signing = serialization.load_pem_private_key(authority_key.read_bytes(), None)
        expired = _signed(subject, authority.subject, own, signing, now - 10 * _DAY)
        yield Wrong("an expired certificate", _with(tls, expired, own, folder / "expired"))
        early = _signed(subject, authority.subject, own, signing, now + 10 * _DAY)
        yield Wrong("a certificate that is not valid yet", _with(tls, early, own, folder / "early"))


def _signed(subject: x509.Name, issuer: x509.Name, key: _Key, by: object, begins: datetime) -> x509.Certificate:
    """A client's certificate that is valid for two days from a moment on, less an hour."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - timedelta(hours=1))
        .not_valid_after(begins + 2 * _DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    return builder.sign(by, hashes.SHA256())  # type: ignore[arg-type] # any private key that signs


def _context(tls: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(tls.authority)
    return context


def _with(tls: TlsFiles, certificate: x509.Certificate, key: object, folder: Path) -> ssl.SSLContext:
    """A client that shows this certificate, and trusts whom the good one trusts."""
    folder.mkdir()
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(  # type: ignore[attr-defined] # any private key
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = _context(tls)
    context.load_cert_chain(pem, private)
    return context
