"""Static files of a package, served under names that change with their content so that browsers may keep them."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

from profiles.errors import NotFound

_SUFFIXES = (".css", ".js", ".svg", ".png")
IMMUTABLE = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its content, its type, and the start of its digest."""

    content: bytes
    media_type: str
    digest: str


class Assets:
    """The files below ``<package>/static``, found by their base name.

    Args:
        package: the Python package that carries the files.
        prefix: the path under which they are served, e.g. ``/assets/pages``.
    """

    def __init__(self, package: str, prefix: str) -> None:
        self._package, self._prefix = package, prefix

    @cached_property
    def _files(self) -> dict[str, Asset]:
        found: dict[str, Asset] = {}
        folders = [files(self._package).joinpath("static")]
        while folders:
            for entry in folders.pop().iterdir():
                if entry.is_dir():
                    folders.append(entry)
                elif entry.name.endswith(_SUFFIXES):
                    content = entry.read_bytes()
                    kind = mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
                    found[entry.name] = Asset(content, kind, hashlib.sha256(content).hexdigest()[:16])
        return found

    def url(self, name: str) -> str:
        """The address of a file, with its digest.

        Raises:
            KeyError: when the package has no such file.
        """
        return f"{self._prefix}/{self._files[name].digest}/{name}"

    def router(self) -> APIRouter:
        """Routes that serve the files."""
        router = APIRouter(prefix=self._prefix)

        @router.get("/{digest}/{name}")
        def asset(digest: str, name: str) -> Response:
            found = self._files.get(name)
            if found is None or found.digest != digest:
                raise NotFound("There is no such asset; load the page again.")
            return Response(found.content, media_type=found.media_type, headers={"Cache-Control": IMMUTABLE})

        return router
