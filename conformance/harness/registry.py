"""Which tests there are: the decorator that makes one, and the suites by actor."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

from conformance.finding import Severity
from conformance.harness.model import Case, Requirement, Suite
from profiles.errors import NotFound
from profiles.tables import read_table

Body = Callable[..., None]
_MARK = "__conformance_cases__"


@cache
def catalogue() -> dict[str, Requirement]:
    """The rows of the catalogue by id."""
    return {
        row["id"]: Requirement(
            row["id"],
            row["family"],
            row["actor"],
            row["transaction"],
            row["source"],
            row["verified"],
            Severity(row["severity"]),
            row["optional"] == "yes",
            row["kind"],
        )
        for row in read_table("conformance", "catalogue")
    }


def shows(
    requirement: str,
    title: str,
    *,
    transports: tuple[str, ...] = ("",),
    option: str = "",
    leaves: str = "",
    limit_seconds: float = 120.0,
) -> Callable[[Body], Body]:
    """Decorator: this function shows whether a system keeps that row of the catalogue.

    Args:
        requirement: the row's id.
        title: what the test shows, as a sentence.
        transports: the test runs once over each that the system declares; empty when there is only one way.
        option: what the system must declare for the test to apply.
        leaves: what stays behind on the system under test, in words.
        limit_seconds: when the harness gives up waiting for the test.
    """
    row = catalogue()[requirement]

    def keep(body: Body) -> Body:
        cases = tuple(Case(row, title, body, transport, option, leaves, limit_seconds) for transport in transports)
        setattr(body, _MARK, cases)
        return body

    return keep


def cases_of(modules: Iterable[ModuleType]) -> tuple[Case, ...]:
    """The tests that modules define, in the order of the catalogue."""
    found = [
        case
        for module in modules
        for _, value in inspect.getmembers(module, inspect.isfunction)
        if value.__module__ == module.__name__
        for case in getattr(value, _MARK, ())
    ]
    return in_order(found)


def in_order(cases: Iterable[Case]) -> tuple[Case, ...]:
    """The cases in the order of the catalogue."""
    order = {row: number for number, row in enumerate(catalogue())}
    return tuple(sorted(cases, key=lambda case: order[case.requirement.id]))


def cases_below(package: str) -> tuple[Case, ...]:
    """The tests of all modules of a suite's package."""
    home = import_module(package)
    return cases_of(import_module(f"{package}.{found.name}") for found in iter_modules(home.__path__))


@cache
def actors() -> tuple[str, ...]:
    """The actors that have a suite: each package of ``conformance.suites`` with a module ``suite``."""
    home = import_module("conformance.suites")
    return tuple(
        entry.name
        for entry in iter_modules(home.__path__)
        if entry.ispkg and find_spec(f"conformance.suites.{entry.name}.suite")
    )


def suites() -> dict[str, Suite]:
    """Every suite by its actor."""
    return {actor: suite(actor) for actor in actors()}


def suite(actor: str) -> Suite:
    """The suite of one actor, ``SUITE`` of its module.

    Raises:
        NotFound: when there is none.
    """
    if actor not in actors():
        raise NotFound(f"There is no suite for {actor!r}; there is {', '.join(actors())}.")
    found: Suite = import_module(f"conformance.suites.{actor}.suite").SUITE
    return found
