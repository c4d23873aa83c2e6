"""What a Task Requester does when it is refused, not answered or changed, and while images are still on their way."""

from __future__ import annotations

from itertools import pairwise

from conformance.harness import Trial, shows
from conformance.partners.attributes import text
from conformance.partners.simulating import Exchange, Fault, Request
from conformance.suites.hl7_receiver.changing import judge_images
from conformance.suites.hl7_receiver.stage import Scan
from conformance.suites.task_requester.stage import LEAVES, Requesting

_MOST_TRIES = 20
_SHORTEST_SECONDS = 0.05
_REFUSALS = (409, 400, 415)
_MODIFIED = "The Workitem was created with modifications."


@shows("AIWI-TR-007", "A refused request ends, and one that got no answer is repeated for the same task", leaves=LEAVES)
def refused(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-007."""
    scans = {}
    for status in _REFUSALS:
        trial.step(f"refuse the request with {status}")
        scans[status] = _asked(department, status=status, times=None)
    for status, scan in scans.items():
        asked = trial.wait_for(lambda scan=scan: department.tried(scan))  # type: ignore[misc] # the loop's own
        trial.require(asked, "the task is requested", f"no request to create came that could be refused with {status}")
    trial.step("answer 503 twice, and break the connection of another request instead of the answer")
    busy, lost = _asked(department, status=503, times=2), _asked(department, lost=True)
    for scan in (busy, lost):
        department.requested(scan)
    department.nothing_more()
    for status, scan in scans.items():
        tried = department.tried(scan)
        words = f"a request that was refused with {status} is not repeated for ever"
        few = len(tried) <= _MOST_TRIES
        trial.must(few, words, f"{len(tried)} requests", _proof(department, tried))
    _judge_repeated(trial, department, lost)
    tried = _judge_repeated(trial, department, busy)
    pauses = [later.request.at - earlier.answered for earlier, later in pairwise(tried)]
    told = ", ".join(f"{one:.2f} s" for one in pauses)
    backs_off = all(one >= _SHORTEST_SECONDS for one in pauses)
    trial.should(backs_off, "it waits before it tries again", told, _proof(department, tried))


def _asked(
    department: Requesting, *, status: int = 0, warning: str = "", lost: bool = False, times: int | None = 1
) -> Scan:
    """A study whose task is requested while something goes wrong with the request."""
    scan = department.scan()

    def is_meant(request: Request) -> bool:
        return department.worklist.when("create")(request) and scan.uid.encode() in request.body

    department.worklist.fail(Fault(is_meant, status, warning, lost, times=times))
    department.store(scan)
    department.ask_for(scan)
    return scan


def _judge_repeated(trial: Trial, department: Requesting, scan: Scan) -> list[Exchange]:
    """The requests for a task that was not created at once: there must be more than one, all for one workitem."""
    tried = department.tried(scan)
    lost = any(one.lost for one in tried)
    enough = len(tried) > 1 or bool(lost and department.worklist.of("retrieve"))
    trial.must(enough, "it is tried again, or looked for", f"{len(tried)} requests", _proof(department, tried))
    uids = {_uid_in(one) for one in tried}
    trial.must(len(uids) == 1, "all requests are for one workitem", f"{len(uids)} UIDs", _proof(department, tried))
    return tried


def _uid_in(exchange: Exchange) -> str:
    request = exchange.request
    named = request.parameter("workitem", "AffectedSOPInstanceUID", "")
    return named or text(request.dataset, "SOPInstanceUID")


def _proof(department: Requesting, tried: list[Exchange]) -> list[str]:
    return department.proof(*tried[:_MOST_TRIES])


@shows(
    "AIWI-TR-008", "A request that was taken with modifications is read back, or the change is reported", leaves=LEAVES
)
def modified(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-008."""
    scan = _asked(department, warning=_MODIFIED)
    found = department.requested(scan)
    uid = department.uid_of(found)
    limit = trial.declared.limits.quiet_seconds * 4
    read = bool(trial.wait_for(lambda: department.worklist.of("retrieve", uid), limit))
    if not read:
        question = "Does the system report that its request was changed?"
        words = f"Look whether the system reports the modification of workitem {uid}."
        read = trial.ask("is-modification-shown", words, question, workitem=uid)
    trial.must(read, "it reads the workitem, or reports the change", "it does neither", department.proof(found))


@shows(
    "AIWI-TR-009", "Nothing is requested as ready before all images are there", option="image-trigger", leaves=LEAVES
)
def readiness(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-009."""
    scan = department.scan()
    trial.step("have the task requested while half of the images are there")
    department.store_in_halves(scan, lambda: department.ask_for(scan))
    found = department.requested(scan)
    uid = department.uid_of(found)
    first = text(found.request.dataset, "InputReadinessState")
    proof = department.proof(found)
    trial.must(first in {"READY", "INCOMPLETE", "UNAVAILABLE"}, "it says whether inputs are ready", first, proof)
    if first == "READY":
        judge_images(trial, department, scan, found)
        return
    ready = trial.wait_for(lambda: text(department.worklist.item(uid).content, "InputReadinessState") == "READY")
    updates = department.worklist.of("update", uid)
    trial.must(ready, "it becomes READY by an update", "it does not", department.proof(found, *updates))
