"""A trial of its own for tests of partners."""

from conformance.harness import Evidence
from conformance.harness.declaration import Declaration
from conformance.harness.model import Case
from conformance.harness.operators import NobodyThere
from conformance.harness.registry import catalogue
from conformance.harness.trial import Trial


def new_trial(folder):
    """A trial that keeps its evidence in a folder."""
    declared = Declaration.model_validate({"system": {"name": "nobody"}})
    case = Case(catalogue()["AIWI-TP-001"], "a test", lambda *_: None)
    return Trial(case, declared, NobodyThere(), Evidence(folder), lambda _event: None)
