"""Judge a new workitem by the content rules of AIW-I, each finding with the rule's id and source."""

from __future__ import annotations

from profiles.dicom import JsonDataset, get_all, items, tag_of
from profiles.errors import Finding
from profiles.tables import read_table


def content_findings(workitem: JsonDataset) -> list[Finding]:
    """What a workitem for creation lacks, by ``tables/content.csv``; an empty list when nothing."""
    findings: list[Finding] = []
    for row in read_table("profiles.aiwi", "content"):
        *parents, keyword = row["path"].split(".")
        for dataset in _datasets(workitem, parents):
            fault = _fault(dataset, keyword, row["presence"])
            if fault:
                rule = f"{row['id']} {row['requirement']} ({row['source']})"
                findings.append(Finding(row["path"], fault, rule, f"Send {row['rule']}."))
    return findings


def explain(workitem: JsonDataset) -> list[str]:
    """For every content rule in words: what it asks, and whether the workitem has it."""
    broken = {(finding.path, finding.rule.split()[0]): finding for finding in content_findings(workitem)}
    lines = []
    for row in read_table("profiles.aiwi", "content"):
        finding = broken.get((row["path"], row["id"]))
        verdict = f"broken: {finding.message}" if finding else "kept"
        lines.append(f"{row['id']} {row['path']}: {row['rule']} ({row['source']}): {verdict}")
    return lines


def _datasets(dataset: JsonDataset, parents: list[str]) -> list[JsonDataset]:
    found = [dataset]
    for keyword in parents:
        found = [one for parent in found for one in items(parent, keyword)]
    return found


def _fault(dataset: JsonDataset, keyword: str, presence: str) -> str:
    values = get_all(dataset, keyword)
    if presence in {"present", "empty"} and tag_of(keyword) not in dataset:
        return "It is absent; it has to be present, if need be empty."
    if presence == "empty" and values:
        return "It has a value; it has to be empty at creation."
    if presence in {"value", "some"} and not values:
        return "It has no value."
    if presence == "one" and len(values) != 1:
        return f"It has {len(values)} items; exactly one is right."
    return ""
