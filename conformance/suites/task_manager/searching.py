"""RAD-81: finding workitems (PS3.18 section 11.9; PS3.4 section CC.2.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from conformance.harness import Trial, shows
from conformance.partners.attributes import code, put, tag_of, text
from conformance.partners.workitems import moment, new_uid, workitem
from conformance.partners.worklist import JSON, Reply, reply
from conformance.suites.task_manager.stage import BOTH, IN_PROGRESS, Manager

_START = "ScheduledProcedureStepStartDateTime"
_PAGE, _ITEMS = 40, 250
_ALWAYS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "ProcedureStepState",
    "ScheduledProcedureStepPriority",
    "ProcedureStepLabel",
    "WorklistLabel",
    _START,
    "InputReadinessState",
    "PatientName",
    "PatientID",
)


def found_uids(answer: Reply) -> list[str]:
    """SOP Instance UIDs of what was found, in order."""
    return [text(one, "SOPInstanceUID") for one in answer.datasets]


def _must_find(trial: Trial, manager: Manager, keys: Mapping[str, str], wanted: Iterable[str], words: str) -> Reply:
    answer = manager.worklist.search(keys)
    trial.must(answer.ok, f"a search by {words} is answered", answer.words, answer.evidence)
    found, expected = sorted(found_uids(answer)), sorted(wanted)
    trial.must(
        found == expected,
        f"a search by {words} finds exactly what matches",
        f"found {len(found)}, {len(set(found) & set(expected))} of {len(expected)} that match",
        answer.evidence,
    )
    return answer


@shows("AIWI-TM-050", "A search by state finds exactly the workitems in that state", transports=BOTH)
def by_state(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-050."""
    label = manager.label()
    waiting = [manager.created(workitem(label)) for _ in range(2)]
    taken = manager.claimed(workitem(label))
    for state, wanted in (("SCHEDULED", waiting), (IN_PROGRESS, [taken.uid])):
        _must_find(trial, manager, {"WorklistLabel": label, "ProcedureStepState": state}, wanted, f"state {state}")


@shows("AIWI-TM-051", "No match is answered by 204", transports=("rest",))
def no_match(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-051."""
    answer = manager.worklist.search({"WorklistLabel": manager.label()})
    trial.must(not answer.datasets, "nothing is found", f"{len(answer.datasets)} workitems", answer.evidence)
    trial.must(answer.status == 204, "the status is 204", answer.words, answer.evidence)  # noqa: PLR2004


@shows("AIWI-TM-052", "Keys in sequences match: station, class, workitem code, accession number", transports=BOTH)
def in_sequences(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-052."""
    label = manager.label()
    content = workitem(label)
    put(content, "ScheduledStationNameCodeSequence", code("STATION_ONE", "99HARNESS", "One"))
    put(content, "ScheduledStationClassCodeSequence", code("CLASS_ONE", "99HARNESS", "One"))
    put(content, "ScheduledWorkitemCodeSequence", code("WORK_ONE", "99HARNESS", "One"))
    wanted = manager.created(content)
    manager.created(workitem(label))
    accession = text(content, "ReferencedRequestSequence.AccessionNumber")
    for path, value in (
        ("ScheduledStationNameCodeSequence.CodeValue", "STATION_ONE"),
        ("ScheduledStationClassCodeSequence.CodeValue", "CLASS_ONE"),
        ("ScheduledWorkitemCodeSequence.CodeValue", "WORK_ONE"),
        ("ReferencedRequestSequence.AccessionNumber", accession),
    ):
        _must_find(trial, manager, {"WorklistLabel": label, path: value}, [wanted], path)


@shows("AIWI-TM-053", "Ranges of the start time match, closed and open", transports=BOTH)
def ranges(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-053."""
    label, noon = manager.label(), datetime(2030, 1, 15, 12, 0, tzinfo=UTC)
    days = [noon + timedelta(days=number) for number in range(3)]
    uids = [manager.created(put(workitem(label), _START, moment(day))) for day in days]
    first, last = moment(days[0] - timedelta(hours=1)), moment(days[1] + timedelta(hours=1))
    for value, wanted, words in (
        (f"{first}-{last}", uids[:2], "a closed range"),
        (f"{last}-", uids[2:], "a range without end"),
        (f"-{last}", uids[:2], "a range without beginning"),
    ):
        _must_find(trial, manager, {"WorklistLabel": label, _START: value}, wanted, words)


@shows(
    "AIWI-TM-054",
    "Keyword and tag of a key find the same; a key given twice is no internal error",
    transports=("rest",),
)
def keyword_and_tag(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-054."""
    label = manager.label()
    uid = manager.created(workitem(label))
    manager.created(workitem(manager.label()))
    for key in ("WorklistLabel", tag_of("WorklistLabel")):
        _must_find(trial, manager, {key: label}, [uid], f"key {key}")
    query = f"WorklistLabel={label}&{tag_of('WorklistLabel')}={label}"
    twice = manager.http.send("GET", "/workitems", query=query, headers={"Accept": JSON})
    trial.must(twice.status < 500, "a key given twice is answered", twice.words, twice.evidence)  # noqa: PLR2004


@shows("AIWI-TM-055", "Results have what each must have, and what includefield asks for", transports=BOTH)
def return_keys(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-055."""
    label = manager.label()
    manager.created(put(workitem(label), "CommentsOnTheScheduledProcedureStep", "harness comment"))
    asked = () if trial.transport == "rest" else _ALWAYS
    answer = manager.worklist.search({"WorklistLabel": label}, *asked)
    trial.require(answer.datasets, "the workitem is found", answer.words, answer.evidence)
    lacking = [keyword for keyword in _ALWAYS if tag_of(keyword) not in answer.dataset]
    trial.must(not lacking, "the result has what each must have", f"lacks {lacking}", answer.evidence)
    comments = "CommentsOnTheScheduledProcedureStep"
    names = (comments,) if trial.transport == "dimse" else (comments, tag_of(comments), "all")
    for name in names:
        answer = manager.worklist.search({"WorklistLabel": label}, name)
        value = text(answer.dataset, comments)
        trial.must(
            value == "harness comment", f"what is asked for by {name} is there", value or "absent", answer.evidence
        )


@shows("AIWI-TM-056", "Pages over 250 workitems have no gap and no double", transports=("rest",), limit_seconds=300)
def pages(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-056."""
    label = manager.label()
    wanted = [manager.created(workitem(label)) for _ in range(_ITEMS)]
    seen: list[str] = []
    evidence: list[str] = []
    for offset in range(0, _ITEMS + _PAGE, _PAGE):
        query = f"WorklistLabel={label}&limit={_PAGE}&offset={offset}"
        answer = reply(manager.http.send("GET", "/workitems", query=query, headers={"Accept": JSON}))
        count = len(answer.datasets)
        trial.must(count <= _PAGE, "no page has more than its limit", f"{count}", answer.evidence)
        seen += found_uids(answer)
        evidence.append(answer.evidence)
    trial.must(len(seen) == len(set(seen)), "nothing comes twice", f"{len(seen) - len(set(seen))} twice", evidence)
    trial.must(set(seen) == set(wanted), "nothing is left out", f"{len(set(wanted) - set(seen))} missing", evidence)


@shows("AIWI-TM-057", "A key that is not understood never silently finds everything", transports=("rest",))
def unknown_keys(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-057."""
    label = manager.label()
    manager.created(workitem(label))
    for words, key in (("an attribute nobody searches by", "00189004=PRODUCT"), ("an unknown parameter", "colour=red")):
        query = f"WorklistLabel={quote(label)}&{key}"
        answer = manager.http.send("GET", "/workitems", query=query, headers={"Accept": JSON})
        if answer.status == 200:  # noqa: PLR2004
            trial.must(answer.warning, f"{words} is ignored with a Warning", "no Warning", answer.evidence)
        else:
            fine = answer.status in {204, 400}
            trial.must(fine, f"{words} is refused with 400 or matches nothing", answer.words, answer.evidence)


@shows("AIWI-TM-058", "Wildcards and fuzzy names match as declared", transports=("rest",), option="fuzzy")
def wildcards(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-058."""
    label, family = manager.label(), f"Müller{new_uid()[-6:]}"
    uid = manager.created(workitem(label, name=f"{family}^Jörg"))
    _must_find(trial, manager, {"WorklistLabel": label, "PatientName": f"{family}*"}, [uid], "a wildcard in the name")
    fuzzy = family.replace("ü", "u").upper()
    query = f"WorklistLabel={label}&PatientName={quote(fuzzy)}&fuzzymatching=true"
    answer = reply(manager.http.send("GET", "/workitems", query=query, headers={"Accept": JSON}))
    trial.must(
        found_uids(answer) == [uid], "case and accents do not matter to a fuzzy name", answer.words, answer.evidence
    )
