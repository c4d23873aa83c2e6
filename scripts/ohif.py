#!/usr/bin/env python3
"""Fetch the OHIF viewer with npm, check it against ohif.lock, and make it ready to be served under /ohif/.

Prints the folder, which is kept in the user's cache (XDG_CACHE_HOME) and reused; the Image Display serves it when its
setting ``ohif_folder`` names it (docs/viewer.md). Needs npm, but no Node program is run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LOCK = json.loads((HERE / "ohif.lock").read_text())
PREFIX = "/ohif/"
#: The browser's own segmentation model (136 MB), microscopy, the service worker, other sites' settings, phone icons.
LEFT_OUT = (
    *("ort", "dicom-microscopy-viewer", "customizations", "sw.js", "init-service-worker.js", "google.js"),
    *("oidc-client.min.js", "silent-refresh.html", "manifest.json", "_headers", "_redirects", "serve.json"),
    *("app-config.js", "*.map", "apple-touch*", "android-chrome*", "mstile*", "coast*", "yandex*", "firefox_app*"),
)
#: What is changed in the files of each kind: absolute addresses; and which spacing of the pixels goes with which
#: direction when places on an image become places in space and back (cornerstonejs/cornerstone3D issue 2758: drawings
#: on pixels that are not square are misplaced).
CHANGES = {
    ".js": (
        ('__webpack_require__.p = "/"', f'__webpack_require__.p = "{PREFIX}"'),
        ("rowPixelSpacing * (imageCoords[0] - 0.5)", "columnPixelSpacing * (imageCoords[0] - 0.5)"),
        ("columnPixelSpacing * (imageCoords[1] - 0.5)", "rowPixelSpacing * (imageCoords[1] - 0.5)"),
        ("rowDistance / rowPixelSpacing", "rowDistance / columnPixelSpacing"),
        ("columnDistance / columnPixelSpacing", "columnDistance / rowPixelSpacing"),
    ),
    ".css": (("url(/", f"url({PREFIX}"),),
}
INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def cached() -> Path:
    """Where the viewer of this lock file, made ready by this very script, is kept."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    return root / "stepwell" / f"ohif-{LOCK['version']}-{recipe}"


def fetch(folder: Path) -> Path:
    """The package as npm delivers it, unpacked.

    Raises:
        SystemExit: when npm fails, or delivers anything else than the lock file names.
    """
    name = f"{LOCK['package']}@{LOCK['version']}"
    if not shutil.which("npm"):
        sys.exit("scripts/ohif.py: npm is not installed; install Node.js (on Debian: apt install npm).")
    answer = subprocess.run(["npm", "pack", name, "--silent"], cwd=folder, check=False, capture_output=True, text=True)
    if answer.returncode:
        sys.exit(f"scripts/ohif.py: npm could not fetch {name}: {answer.stderr.strip() or answer.stdout.strip()}")
    archive = next(folder.glob("*.tgz"))
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != LOCK["integrity"]:
        sys.exit(
            f"scripts/ohif.py: {name} has the digest {found}, ohif.lock names {LOCK['integrity']}; nothing is kept."
        )
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    return folder / "package"


def prepare(package: Path, folder: Path) -> None:
    """Copy what is needed, make the changes, and take the scripts out of the page so that it can forbid others.

    Raises:
        SystemExit: when the package looks otherwise than this recipe knows it.
    """
    shutil.copytree(package / "dist", folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copy(package / "LICENSE", folder)
    missing = [before for kind, changes in CHANGES.items() for before in change(folder, kind, changes)]
    page = (folder / "index.html").read_text()
    page = re.sub(r"<link[^>]*(apple-touch|coast|yandex|manifest)[^>]*>", "", page)
    page = re.sub(r"<meta[^>]*msapplication[^>]*>", "", page)
    page = re.sub(r"<script[^>]*init-service-worker[^>]*></script>", "", page)
    page = re.sub(r'(href|src)="/(?!/)', rf'\1="{PREFIX}', page).replace('PUBLIC_URL="/"', f'PUBLIC_URL="{PREFIX}"')
    scripts = INLINE.findall(page)
    if missing or not scripts:
        sys.exit(
            f"scripts/ohif.py: the package is built otherwise than expected: {missing or 'no scripts in the page'}."
        )
    (folder / "start.js").write_text(";\n".join(scripts))
    page = INLINE.sub("", page).replace("</title>", f'</title><script src="{PREFIX}start.js"></script>', 1)
    (folder / "index.html").write_text(page)


def change(folder: Path, kind: str, changes: tuple[tuple[str, str], ...]) -> list[str]:
    """Replace in all files of a kind.

    Returns:
        What was in none of them.
    """
    missing = {before for before, _ in changes}
    for path in folder.glob(f"*{kind}"):
        content = path.read_text()
        found = [pair for pair in changes if pair[0] in content]
        for before, after in found:
            content = content.replace(before, after)
            missing.discard(before)
        if found:
            path.write_text(content)
    return sorted(missing)


def main() -> None:
    """Print the folder of the viewer, made ready first when it is not there yet."""
    target = cached()
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="ohif-") as work:
            ready = Path(work) / "ready"
            prepare(fetch(Path(work)), ready)
            try:
                ready.rename(target)
            except OSError:
                if not target.is_dir():  # else another process was faster
                    raise
    print(target)  # noqa: T201 - what the caller wants to know


if __name__ == "__main__":
    main()
