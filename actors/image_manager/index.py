"""The index: one SQLite database beside the files. One writer; readers never wait (design decisions D4 and D5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, col, create_engine, delete, func, select, update

from actors.image_manager.instance import Instance, frame_count
from profiles.dicom import JsonDataset, text

LevelAttributes = Callable[[str, JsonDataset], JsonDataset]


class Row(SQLModel, registry=registry()):
    """Base of our tables, apart from the tables of other actors in the same process."""


class StudyRow(Row, table=True):
    """One study: its query attributes, and what was reported of it to the operational log.

    ``last_image_at`` is seconds since 1970 (UTC); ``reported_through`` is the highest instance number that was told.
    """

    __tablename__ = "study"

    uid: str = Field(primary_key=True)
    accession_number: str = Field(default="", index=True)
    patient_id: str = Field(default="", index=True)
    study_date: str = Field(default="", index=True)
    attributes: bytes
    last_image_at: float | None = Field(default=None, index=True)
    last_image_number: int = 0
    reported_through: int = 0


class SeriesRow(Row, table=True):
    """One series with its query attributes."""

    __tablename__ = "series"

    uid: str = Field(primary_key=True)
    study_uid: str = Field(index=True)
    modality: str = Field(default="", index=True)
    attributes: bytes


class InstanceRow(Row, table=True):
    """One instance. ``number`` grows with each stored instance: what follows the index reads on from a number."""

    __tablename__ = "instance"
    __table_args__ = {"sqlite_autoincrement": True}

    number: int | None = Field(default=None, primary_key=True)
    uid: str = Field(unique=True)
    study_uid: str = Field(index=True)
    series_uid: str = Field(index=True)
    sop_class_uid: str
    modality: str = ""
    transfer_syntax: str
    digest: str
    frames: int = 1
    pixel_offset: int | None = None
    pixel_bytes: int = 0
    stored_at: float = 0.0


class HeaderRow(Row, table=True):
    """The dataset of an instance without bulk data, as DICOM JSON; apart, so that searches do not drag it along."""

    __tablename__ = "header"

    uid: str = Field(primary_key=True)
    content: bytes


class RefiledRow(Row, table=True):
    """An instance that is exported otherwise than it lies in its file: its patient was merged (HL7-048)."""

    __tablename__ = "refiled"

    uid: str = Field(primary_key=True)


class IntentRow(Row, table=True):
    """A place where a file is about to be put. What is still here at start was never acknowledged."""

    __tablename__ = "intent"

    uid: str = Field(primary_key=True)
    path: str


class CursorRow(Row, table=True):
    """How far a follower of the index has read."""

    __tablename__ = "cursor"

    name: str = Field(primary_key=True)
    number: int = 0


def _configure(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class Index:
    """The index over the files of one Image Manager.

    Args:
        path: the SQLite file; made with its tables when missing.
    """

    def __init__(self, path: Path) -> None:
        self._engine: Engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _configure)
        Row.metadata.create_all(self._engine)
        self._writer = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        with Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """The one writing session: committed at the end, rolled back on any error."""
        with self._writer, Session(self._engine) as session, session.begin():
            yield session

    def known(self, uids: Sequence[str]) -> dict[str, InstanceRow]:
        """Those instances that are stored already, by SOP Instance UID."""
        with self.read() as session:
            found: dict[str, InstanceRow] = {}
            for some in _batches(uids):
                for row in session.exec(select(InstanceRow).where(col(InstanceRow.uid).in_(some))):
                    found[row.uid] = row
            return found

    def study_of_series(self, series: Iterable[str]) -> dict[str, str]:
        """The Study Instance UID of those series that are known."""
        with self.read() as session:
            query = select(SeriesRow.uid, SeriesRow.study_uid).where(col(SeriesRow.uid).in_(list(series)))
            return dict(session.exec(query).all())

    def intend(self, places: dict[str, Path]) -> None:
        """Note where files are about to be put, by SOP Instance UID."""
        with self.write() as session:
            for uid, path in places.items():
                session.merge(IntentRow(uid=uid, path=str(path)))

    def forget_intents(self, uids: Iterable[str]) -> None:
        """Take back what was noted."""
        with self.write() as session:
            session.exec(delete(IntentRow).where(col(IntentRow.uid).in_(list(uids))))

    def intents(self) -> list[tuple[str, Path]]:
        """What is noted: SOP Instance UID and place."""
        with self.read() as session:
            return [(row.uid, Path(row.path)) for row in session.exec(select(IntentRow))]

    def add(self, instances: Sequence[Instance], attributes: LevelAttributes, moment: float) -> None:
        """Add filed instances and take back their intents, in one transaction.

        Args:
            instances: none of which is known yet.
            attributes: picks the query attributes of a level (``study`` or ``series``) from a header.
            moment: seconds since 1970.
        """
        uids = [one.sop_instance for one in instances]
        studies = {one.study: one for one in reversed(instances)}
        series = {one.series: one for one in reversed(instances)}
        headers = [{"uid": one.sop_instance, "content": orjson.dumps(one.header)} for one in instances]
        with self.write() as session:
            run = session.connection().execute
            rows: list[dict[str, Any]] = [_study_values(one, attributes) for one in studies.values()]
            run(insert(StudyRow).on_conflict_do_nothing(), rows)
            run(
                insert(SeriesRow).on_conflict_do_nothing(), [_series_values(one, attributes) for one in series.values()]
            )
            run(insert(HeaderRow), headers)
            run(insert(InstanceRow), [_instance_values(one, moment) for one in instances])
            for one in instances:
                if one.is_refiled:
                    session.merge(RefiledRow(uid=one.sop_instance))
            for study in {one.study for one in instances if is_image(one.modality)}:
                newest = select(func.max(InstanceRow.number)).where(InstanceRow.study_uid == study)
                run(
                    update(StudyRow)
                    .where(col(StudyRow.uid) == study)
                    .values(last_image_at=moment, last_image_number=newest.scalar_subquery())
                )
            run(delete(IntentRow).where(col(IntentRow.uid).in_(uids)))

    def refile(self, instances: Sequence[Instance], attributes: LevelAttributes) -> None:
        """Write what became of stored instances of one study whose patient was merged, in one transaction.

        Args:
            instances: as they are to be exported from now on.
            attributes: as for `add`.
        """
        with self.write() as session:
            for one in instances:
                session.merge(HeaderRow(uid=one.sop_instance, content=orjson.dumps(one.header)))
                session.exec(delete(RefiledRow).where(col(RefiledRow.uid) == one.sop_instance))
                if one.is_refiled:
                    session.add(RefiledRow(uid=one.sop_instance))
            study = session.get_one(StudyRow, instances[0].study)
            patient = attributes("study", instances[0].header)
            told = {tag: patient[tag] for tag in _PATIENT if tag in patient}
            study.patient_id = first(told, _PATIENT[0])
            study.attributes = orjson.dumps(orjson.loads(study.attributes) | told)
            session.add(study)

    def studies_of_patients(self, patient_ids: Iterable[str]) -> list[str]:
        """The studies that are filed under one of these Patient IDs."""
        with self.read() as session:
            found = select(StudyRow.uid).where(col(StudyRow.patient_id).in_(list(patient_ids)))
            return list(session.exec(found.order_by(col(StudyRow.uid))))

    def refiled(self, uids: Sequence[str]) -> set[str]:
        """Those instances that are exported otherwise than they lie in their files."""
        with self.read() as session:
            found: set[str] = set()
            for some in _batches(uids):
                found |= set(session.exec(select(RefiledRow.uid).where(col(RefiledRow.uid).in_(some))))
            return found

    def patient_of(self, study: str) -> str:
        """Whose a study is, in CX form; empty when it is not known."""
        with self.read() as session:
            row = session.get(StudyRow, study)
        if row is None:
            return ""
        issuer = text(orjson.loads(row.attributes), "IssuerOfPatientID")
        return f"{row.patient_id}^^^{issuer}" if issuer else row.patient_id

    def header(self, uid: str) -> JsonDataset | None:
        """The stored header of one instance."""
        with self.read() as session:
            row = session.get(HeaderRow, uid)
            return None if row is None else orjson.loads(row.content)

    def instances(self, study: str, series: str | None = None, uid: str | None = None) -> list[InstanceRow]:
        """The instances of a study, a series, or one instance, in the order of their arrival."""
        query = select(InstanceRow).where(InstanceRow.study_uid == study).order_by(col(InstanceRow.number))
        if series is not None:
            query = query.where(InstanceRow.series_uid == series)
        if uid is not None:
            query = query.where(InstanceRow.uid == uid)
        with self.read() as session:
            return list(session.exec(query).all())

    def counts(self, session: Session, column: Any, uids: Sequence[str]) -> dict[str, int]:
        """Number of instances by study or series."""
        query = select(column, func.count()).where(column.in_(uids)).group_by(column)
        return dict(session.exec(query).all())


_PATIENT = ("00100020", "00100021")
_RESULTS = frozenset({"SR", "SEG", "KO", "PR", "DOC"})


def is_image(modality: str) -> bool:
    """Whether an instance is an acquired image rather than a result or a document about images."""
    return modality not in _RESULTS


def first(dataset: JsonDataset, tag: str) -> str:
    """The first value of a tag as text."""
    values = (dataset.get(tag) or {}).get("Value") or [""]
    return "" if values[0] is None else str(values[0])


def _study_values(instance: Instance, attributes: LevelAttributes) -> dict[str, Any]:
    study = attributes("study", instance.header)
    return {
        "uid": instance.study,
        "accession_number": first(study, "00080050"),
        "patient_id": first(study, "00100020"),
        "study_date": first(study, "00080020"),
        "attributes": orjson.dumps(study),
        "last_image_number": 0,
        "reported_through": 0,
    }


def _series_values(instance: Instance, attributes: LevelAttributes) -> dict[str, Any]:
    return {
        "uid": instance.series,
        "study_uid": instance.study,
        "modality": instance.modality,
        "attributes": orjson.dumps(attributes("series", instance.header)),
    }


def _instance_values(instance: Instance, moment: float) -> dict[str, Any]:
    return {
        "uid": instance.sop_instance,
        "study_uid": instance.study,
        "series_uid": instance.series,
        "sop_class_uid": instance.sop_class,
        "modality": instance.modality,
        "transfer_syntax": instance.transfer_syntax,
        "digest": instance.digest,
        "frames": frame_count(instance.header),
        "pixel_offset": instance.pixel_offset,
        "pixel_bytes": instance.pixel_bytes,
        "stored_at": moment,
    }


def _batches(values: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
