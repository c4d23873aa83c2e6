"""Whether the inputs of UNAVAILABLE workitems have arrived, asked of the archive over QIDO-RS (AIW-I, RAD-129)."""

from __future__ import annotations

from collections.abc import Iterable

from actors.shared.dicomweb import Archive
from actors.shared.logs import get_logger
from actors.task_manager.housekeeping import Regularly
from profiles.dicom import JsonDataset, text
from profiles.errors import BadInput, NotFound
from workitems.inputs import Series, inputs_of, waiting_for_inputs
from workitems.store import Store
from workitems.worklist import Worklist

_PAGE = 1000
_log = get_logger(__name__)


def readiness(worklist: Worklist, store: Store, archive: Archive, seconds: float) -> Regularly:
    """The thread that asks.

    Args:
        worklist: the domain.
        store: its store.
        archive: who is asked.
        seconds: how often.
    """
    return Regularly("readiness", seconds, lambda: look_for_inputs(worklist, store, archive))


def look_for_inputs(worklist: Worklist, store: Store, archive: Archive) -> None:
    """Ask for the inputs of every workitem that waits for some; those that have all become READY.

    Raises:
        Unavailable: when the archive is away; it is asked again next time.
    """
    for dataset in waiting_for_inputs(store):
        uid = text(dataset, "SOPInstanceUID")
        try:
            there = _has_all(archive, dataset)
        except BadInput as error:  # such a workitem must not keep the others waiting
            _log.warning("inputs-not-asked-for", workitem=uid, reason=error.message)
            continue
        if there and worklist.inputs_arrived(uid):
            _log.info("inputs-arrived", workitem=uid, study=text(dataset, "StudyInstanceUID"))


def _has_all(archive: Archive, dataset: JsonDataset) -> bool:
    wanted = inputs_of(dataset)
    return wanted is not None and all(_has(archive, series, uids) for series, uids in wanted.items())


def _has(archive: Archive, series: Series, wanted: Iterable[str]) -> bool:
    missing, seen = set(wanted), set[str]()
    while missing:
        filters = {"limit": str(_PAGE), "offset": str(len(seen))}
        try:
            page = archive.search_instances(series.study, series.series, filters)
        except NotFound:
            return False
        found = {text(one, "SOPInstanceUID") for one in page} - seen
        if not found:
            return False
        seen |= found
        missing -= found
    return True
