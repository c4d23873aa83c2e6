"""The baseline of sole-ingest: Debian's rsyslog, TLS with certificates on both sides, into a file that is synced."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from connectathon.waiting import eventually, free_port
from profiles.errors import NotFound

_CONFIG = """
global(workDirectory="{folder}" DefaultNetstreamDriver="ossl" DefaultNetstreamDriverCAFile="{pki}/authority.pem"
  DefaultNetstreamDriverCertFile="{pki}/server.pem" DefaultNetstreamDriverKeyFile="{pki}/server.key"
  maxMessageSize="64k")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
template(name="raw" type="string" string="%rawmsg%\\n")
main_queue(queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="{batch}")
ruleset(name="keep") {{ action(type="omfile" file="{log}" template="raw" sync="on" ioBufferSize="{buffer}") }}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="keep")
"""
#: It syncs after each buffer and each batch; with its own sizes, 4 KiB and 256, that is after every other message.
_BATCH, _BUFFER = 4_000, "8m"


@contextlib.contextmanager
def rsyslog(folder: Path, pki: Path) -> Iterator[tuple[int, Path]]:
    """Run rsyslog while the block runs; its port, and the file that it writes.

    Raises:
        NotFound: when it is not installed, or without TLS.
    """
    program = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None or not list(Path("/usr/lib").glob("**/rsyslog/lmnsd_ossl.so")):
        raise NotFound("sole-ingest compares with rsyslog; install the packages rsyslog and rsyslog-openssl.")
    port, log, config = free_port(), folder / "rsyslog.log", folder / "rsyslog.conf"
    config.write_text(
        _CONFIG.format(folder=folder, pki=pki, log=log, port=port, batch=_BATCH, buffer=_BUFFER), encoding="utf-8"
    )
    running = subprocess.Popen(
        [program, "-n", "-f", str(config), "-i", str(folder / "rsyslog.pid")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _listens(port), what="rsyslog to listen")
        yield port, log
    finally:
        running.terminate()
        running.wait(30)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
