"""Look for new studies in an archive that tells of nothing by itself (QIDO-RS; orders.md 9.1).

What was told of which study, and up to which day the archive was searched, is in the order store. What stands still is
not: after a restart, or when the archive was away, a study must stand still anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Field, col, delete, select

from actors.shared.logs import get_logger
from actors.shared.refusals import RefusalLog
from actors.task_requester.database import Database, Row
from actors.task_requester.images import NO_IMAGES, ImageSource, image_counts, read_study
from actors.task_requester.recording import Told
from actors.task_requester.triggers.reading import order_of_study
from actors.task_requester.triggers.searching import conditions_of, find_studies
from actors.task_requester.triggers.settings import Polling, Triggers
from profiles.dicom import JsonDataset, get, get_all, text
from profiles.errors import StepwellError, Unavailable
from profiles.hl7 import MessageRefused
from profiles.sole.event import Outcome

ORIGIN = "query"
_DAY = "%Y%m%d"
_log = get_logger(__name__)


class PolledStudyRow(Row, table=True):
    """A study that was told of: how many instances the archive had then, and how many of them were images."""

    __tablename__ = "polled_study"

    archive: str = Field(primary_key=True)
    study_uid: str = Field(primary_key=True)
    day: str = Field(index=True)
    instances: int
    images: int


class PolledArchiveRow(Row, table=True):
    """Up to which day (StudyDate) an archive was searched and everything that was found is told of."""

    __tablename__ = "polled_archive"

    archive: str = Field(primary_key=True)
    since: str


@dataclass(slots=True)
class _Seen:
    """A study that is not told of yet: its instances, when it was first seen and since when it stands still."""

    instances: int
    began: float
    unchanged_since: float


class Poller:
    """Searches one archive again and again.

    Args:
        database: the order store.
        record: takes the event, durably.
        archive: is searched.
        settings: of all triggers; those of polling are given.
        refusals: told of studies that cannot be taken.
        clock: the present, timezone-aware.
        monotonic: seconds that never go backwards.
        name: of the archive, in the store.
    """

    def __init__(
        self,
        database: Database,
        record: Callable[[Told], object],
        archive: ImageSource,
        settings: Triggers,
        *,
        refusals: RefusalLog,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        name: str = "",
    ) -> None:
        self._database, self._record, self._archive, self._refusals = database, record, archive, refusals
        self._settings, self._polling = settings, settings.polling or Polling()
        self._conditions = conditions_of(self._polling.filters) if self._polling.filters else {}
        self._clock, self._monotonic, self._name = clock, monotonic, name
        self._seen: dict[str, _Seen] = {}
        self._next = 0.0
        self._failures = 0

    def look(self) -> int:
        """Search when it is time; returns how many studies were told of."""
        if self._monotonic() < self._next:
            return 0
        self._next = self._monotonic() + self._polling.interval_seconds
        try:
            with self._database.alone("poll") as mine:
                told = self._poll() if mine else 0
        except StepwellError as error:
            self._is_away(error)
            return 0
        if self._failures:
            _log.info("polled-archive-back", archive=self._name, searches_in_vain=self._failures)
        self._failures = 0
        return told

    def _is_away(self, error: StepwellError) -> None:
        """Nothing can be seen to grow now, so standing still means nothing."""
        if not self._failures:
            _log.warning("polled-archive-away", archive=self._name, reason=error.message)
        self._seen.clear()
        pause = self._polling.interval_seconds * 2.0 ** min(self._failures, 20)
        self._failures += 1
        self._next = self._monotonic() + min(pause, max(self._polling.slowest_seconds, self._polling.interval_seconds))

    def _poll(self) -> int:
        today = self._clock().astimezone().date()
        since = self._since(today) - timedelta(days=self._polling.overlap_days)
        window = f"{since:{_DAY}}-{today + timedelta(days=1):{_DAY}}"
        studies = find_studies(self._archive, {**self._conditions, "StudyDate": window})
        known = self._known()
        told = 0
        for study in studies:
            uid = text(study, "StudyInstanceUID")
            if not self._is_new(study, known.get(uid)):
                self._seen.pop(uid, None)
            elif self._stands_still(uid, study):
                told += self._tell_or_log(uid, study, known.get(uid))
        found = {text(study, "StudyInstanceUID"): _day(study, today) for study in studies}
        self._seen = {uid: one for uid, one in self._seen.items() if uid in found}
        overlap = timedelta(days=self._polling.overlap_days)
        self._move_on(min([today, *(found[uid] + overlap for uid in self._seen)]), since)
        return told

    def _tell_or_log(self, uid: str, study: JsonDataset, known: PolledStudyRow | None) -> int:
        """A study that cannot be read keeps no other one waiting; it is tried again."""
        try:
            return self._tell(uid, study, known)
        except Unavailable:
            raise
        except StepwellError as error:
            _log.error("polled-study-not-read", study=uid, reason=error.message)
            return 0

    def _is_new(self, study: JsonDataset, known: PolledStudyRow | None) -> bool:
        return known is None or known.instances != self._instances(study)

    def _stands_still(self, uid: str, study: JsonDataset) -> bool:
        """Whether it is to be told of now: quiet for its time, or growing for too long."""
        now, count = self._monotonic(), self._instances(study)
        seen = self._seen.setdefault(uid, _Seen(count, now, now))
        if seen.instances != count:
            seen.instances, seen.unchanged_since = count, now
        return self._is_quiet(uid, study) or now >= seen.began + self._settings.force_seconds

    def _is_quiet(self, uid: str, study: JsonDataset) -> bool:
        modalities = [one for one in get_all(study, "ModalitiesInStudy") if one not in NO_IMAGES] or [""]
        quiet = max(self._settings.quiet_for(one) for one in modalities)
        return self._monotonic() >= self._seen[uid].unchanged_since + quiet

    def _instances(self, study: JsonDataset) -> int:
        """Number of Study Related Instances is optional; the series know it, too."""
        count = str(get(study, "NumberOfStudyRelatedInstances", ""))
        if count.isdecimal():
            return int(count)
        return sum(image_counts(self._archive, text(study, "StudyInstanceUID")).values())

    def _tell(self, uid: str, study: JsonDataset, known: PolledStudyRow | None) -> int:
        """Record that a study has other images than were told of; results of our engines are none (HL7-062)."""
        thread = {"study": uid, "accession": text(study, "AccessionNumber")}
        series = read_study(self._archive, uid).series
        makers = self._settings.own_makers
        images = sum(len(one.instances) for one in series if text(one.first, "Manufacturer") not in makers)
        is_news = images not in {0, known.images if known else 0}
        if is_news:
            said = {"control": "SC", "status": "CM"} if self._is_quiet(uid, study) else {}
            try:
                self._record(Told(order_of_study(study, origin=ORIGIN, **said), "images", ORIGIN, self._clock()))
            except MessageRefused as error:
                reason = "; ".join(f"{one.path}: {one.message}" for one in error.message_findings)
                target = "urn:stepwell:task_requester"
                self._refusals.tell(
                    "polled-study-refused", Outcome.MINOR_FAILURE, target=target, reason=reason, **thread
                )
            else:
                _log.info("study-found", images=images, **thread)
        row = PolledStudyRow(
            archive=self._name,
            study_uid=uid,
            day=text(study, "StudyDate"),
            instances=self._seen.pop(uid).instances,
            images=images,
        )
        with self._database.write() as session:
            session.merge(row)
        return int(is_news)

    def _known(self) -> dict[str, PolledStudyRow]:
        with self._database.read() as session:
            rows = session.exec(select(PolledStudyRow).where(PolledStudyRow.archive == self._name))
            return {row.study_uid: row for row in rows}

    def _since(self, today: date) -> date:
        with self._database.read() as session:
            row = session.get(PolledArchiveRow, self._name)
        return datetime.strptime(row.since, _DAY).date() if row else today  # noqa: DTZ007 - a day of the archive

    def _move_on(self, since: date, searched_from: date) -> None:
        """The next search begins there; what is older than this one's beginning will not be seen again."""
        with self._database.write() as session:
            row = session.get(PolledArchiveRow, self._name)
            if row and row.since == f"{since:{_DAY}}":
                return
            session.merge(PolledArchiveRow(archive=self._name, since=f"{since:{_DAY}}"))
            old = delete(PolledStudyRow).where(
                col(PolledStudyRow.archive) == self._name, col(PolledStudyRow.day) < f"{searched_from:{_DAY}}"
            )
            session.connection().execute(old)


def _day(study: JsonDataset, today: date) -> date:
    try:
        return min(datetime.strptime(text(study, "StudyDate"), _DAY).date(), today)  # noqa: DTZ007 - as above
    except ValueError:
        return today
