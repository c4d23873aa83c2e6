"""Where instances lie: ``studies/<study>/<series>/<instance>.dcm``, and ``incoming/`` while they arrive."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from actors.shared.serving import sync_directory
from profiles.errors import Unavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class InstanceFiles:
    """The files of one Image Manager.

    Args:
        root: its data directory; made when missing.

    Raises:
        Unavailable: when the directory cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self.studies = root / "studies"
        self.rebuilding = root / "rebuilding"
        try:
            for directory in (self.incoming, self.studies):
                directory.mkdir(parents=True, exist_ok=True)
                sync_directory(directory.parent)
            probe = self.new_path()
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise storage_failure(error, root) from error

    def new_path(self) -> Path:
        """A name for a file that is about to arrive."""
        return self.incoming / f"{uuid.uuid4().hex}.part"

    def place(self, study: str, series: str, sop_instance: str) -> Path:
        """Where an instance lies, or shall lie."""
        return self.studies / study / series / f"{sop_instance}.dcm"

    def file(self, moves: Iterable[tuple[Path, Path]]) -> None:
        """Move received files to their places; content and names are on disk when this returns.

        Raises:
            OSError: when one cannot be moved; the caller then removes those that were.
        """
        directories: set[Path] = set()
        for source, target in moves:
            descriptor = os.open(source, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if not target.parent.is_dir():
                directories |= {target.parent.parent, self.studies}
                target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
            directories.add(target.parent)
        for directory in directories:
            sync_directory(directory)

    def remove(self, path: Path) -> None:
        """Delete a filed instance and the folders that become empty."""
        path.unlink(missing_ok=True)
        for folder in (path.parent, path.parent.parent):
            try:
                folder.rmdir()
            except OSError:
                return

    def clear_incoming(self) -> int:
        """Delete what was arriving when the process last ended; nothing of it was acknowledged."""
        left = list(self.incoming.iterdir())
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


def storage_failure(error: OSError, where: Path) -> Unavailable:
    """What to tell the sender when the storage fails: full (507) or not writable (503)."""
    if error.errno in _FULL:
        return Unavailable(
            f"The storage of the Image Manager is full ({where}): {os.strerror(error.errno or 0)}. Nothing of this "
            "request was stored (PS3.4 Table B.2-1, A700). Free space there, or set [stepwell] data_dir to another "
            "disk, and send again.",
            key="storage-full",
        )
    words = os.strerror(error.errno) if error.errno else type(error).__name__
    return Unavailable(
        f"The storage of the Image Manager cannot be written ({where}): {words}. Nothing of this request was stored. "
        "Make the directory writable for this user, or set [stepwell] data_dir to another one, and send again."
    )
