"""Write all reports of a run into one folder, and the zip that is ready for upload."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from conformance.harness.evidence import Evidence
from conformance.reports.gitb import gitb
from conformance.reports.har import har
from conformance.reports.junit import junit
from conformance.reports.page import page
from conformance.reports.results import RunResult

ZIP = "report.zip"


def write_report(result: RunResult, evidence: Evidence, folder: Path) -> None:
    """Write ``report.html``, ``report.json``, ``report.xml``, ``gitb.xml``, ``evidence/http.har`` and ``report.zip``.

    Args:
        result: of the run.
        evidence: kept in ``folder / "evidence"``.
        folder: is there.
    """
    result.evidence = list(evidence.items)
    (evidence.folder / "http.har").write_text(json.dumps(har(evidence.items, evidence.folder)), encoding="utf-8")
    told = json.dumps(result.as_json(), indent=1, ensure_ascii=False)
    (folder / "report.json").write_text(told, encoding="utf-8")
    (folder / "report.xml").write_bytes(junit(result))
    (folder / "gitb.xml").write_bytes(gitb(result))
    (folder / "report.html").write_text(page(result, evidence.folder), encoding="utf-8")
    _zip(folder)


def _zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / ZIP, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != ZIP:
                archive.write(path, path.relative_to(folder))
