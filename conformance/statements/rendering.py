"""The two statements as Markdown: IHE (RAD TF-1 Appendix F) and DICOM (PS3.2 Annex N)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pydicom.uid
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydicom.uid import UID

from conformance.harness.model import Verdict
from conformance.harness.registry import suites
from conformance.statements.declared import Claim, Declared, Product, WebService
from profiles.tables import read_table

#: The sentence that RAD TF-1 Appendix F.1 item 5 prescribes.
FORMULA = (
    "This product implements all transactions required in the IHE Technical Framework to support the IHE Integration "
    "Profiles, Actors and Options listed below:"
)
_GOOD = {Verdict.PASS, Verdict.WARN, Verdict.OMIT}


@dataclass(frozen=True, slots=True)
class Withheld:
    """A claim that may not be made, and why."""

    claim: Claim
    reasons: tuple[str, ...]


def verified() -> dict[str, Verdict]:
    """How each case of the harness ended for our own actors when they were last judged (``tables/verified.csv``)."""
    return {row["test"]: Verdict(row["verdict"]) for row in read_table("conformance", "verified")}


def ihe_statement(product: Product, actors: Sequence[Declared], verdicts: Mapping[str, Verdict]) -> str:
    """The IHE Integration Statement: only claims whose required tests have all passed.

    Args:
        product: whose statement it is.
        actors: what they declare.
        verdicts: how the cases of the harness ended, by id.
    """
    made: list[Claim] = []
    withheld: list[Withheld] = []
    for claim in (claim for actor in actors for claim in actor.claims):
        reasons = _reasons(claim, verdicts)
        if reasons:
            withheld.append(Withheld(claim, reasons))
        else:
            made.append(claim)
    messages = [(actor, service) for actor in actors for service in actor.hl7]
    return _render("ihe.md", product=product, formula=FORMULA, claims=made, withheld=withheld, hl7=messages)


def dicom_statement(product: Product, actors: Sequence[Declared], statuses: Sequence[Mapping[str, str]]) -> str:
    """The DICOM Conformance Statement, in the chapters of PS3.2 Annex N.

    Args:
        product: whose statement it is.
        actors: what they declare.
        statuses: rows of the table of errors: ``key``, ``http``, ``warning``, ``dimse``, ``source``.
    """
    return _render(
        "dicom.md",
        product=product,
        actors=actors,
        statuses=[row for row in statuses if row["http"] or row["dimse"]],
        services=[(actor, web) for actor in actors for web in actor.web],
        contexts=[(actor, service, name) for actor in actors for service in actor.dimse for name in service.classes],
        objects=[(actor, made) for actor in actors for made in actor.objects],
        notes=lambda section: [(a, n.text) for a in actors for n in a.notes if n.section == section],
    )


def _reasons(claim: Claim, verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    known = suites()
    if lacking := [name for name in claim.suites if name not in known]:
        return tuple(f"there is no suite for the {name}" for name in lacking)
    cases = [case for name in claim.suites for case in known[name].cases]
    open_ones = [case.id for case in cases if case.id not in verdicts]
    bad = [f"{case.id} {verdicts[case.id]}" for case in cases if verdicts.get(case.id, Verdict.PASS) not in _GOOD]
    return tuple([*bad, *([f"{len(open_ones)} tests not run"] if open_ones else [])])


def uid_of(name: str) -> str:
    """The UID of a SOP class or transfer syntax, by pydicom's name."""
    found = getattr(pydicom.uid, name, None)
    if found is None:
        import pynetdicom.sop_class

        found = getattr(pynetdicom.sop_class, name)
    return str(found)


def _words(name: str) -> str:
    return UID(uid_of(name)).name


def _statuses(web: WebService) -> str:
    return ", ".join(str(status) for status in web.statuses) or "of PS3.18 section 8.5"


@cache
def _environment() -> Environment:
    environment = Environment(  # noqa: S701 - Markdown, not HTML
        loader=PackageLoader("conformance.statements"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(uid=uid_of, words=_words, statuses=_statuses)
    return environment


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)
