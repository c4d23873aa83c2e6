"""``stepwell pki init``: an authority of the installation's own."""

import ipaddress
import socket
import ssl
import threading

import pytest
from cryptography import x509

from actors.shared import pki
from profiles.errors import Conflict


def loaded(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_certificates_are_made_for_loopback_and_keys_are_for_the_owner_only(tmp_path):
    directory = tmp_path / "pki"
    pki.init(directory, "Clinic", clients=("client", "modality"))
    assert {path.name for path in directory.iterdir()} == {
        f"{name}.{kind}" for name in ("authority", "server", "client", "modality") for kind in ("pem", "key")
    }
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.glob("*.key")} == {0o600}
    server, authority = loaded(directory / "server.pem"), loaded(directory / "authority.pem")
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert set(names.get_values_for_type(x509.IPAddress)) == {ipaddress.ip_address(a) for a in ("127.0.0.1", "::1")}
    for name in ("server", "client", "modality"):
        loaded(directory / f"{name}.pem").verify_directly_issued_by(authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize("present", ["authority.key", "server.pem", "client.key"])
def test_nothing_is_overwritten(tmp_path, present):
    (tmp_path / present).write_text("precious")
    with pytest.raises(Conflict, match="not overwritten"):
        pki.init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [present]
    assert (tmp_path / present).read_text() == "precious"


@pytest.mark.requirement("SOLE-016")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_sides_of_a_tls_connection_accept_each_other(tmp_path, version):
    pki.init(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.maximum_version = version
    for context, name in ((server, "server"), (client, "client")):
        context.load_verify_locations(tmp_path / "authority.pem")
        context.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    one, other = socket.socketpair()
    seen = []

    def serve():
        with server.wrap_socket(other, server_side=True) as secure:
            seen.append(secure.recv(5))

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(one, server_hostname="127.0.0.1") as secure:
        secure.sendall(b"hello")
        thread.join(30)
    assert seen == [b"hello"]
