"""Answer searches from the index: a first selection by the database, then DICOM matching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, func, select

from actors.image_manager.index import HeaderRow, Index, InstanceRow, SeriesRow, StudyRow
from actors.image_manager.search import Query, pick
from profiles.dicom import JsonDataset, put

_I = InstanceRow
_BATCH = 200


class Catalog:
    """Searches over one index.

    Args:
        index: what is stored.
    """

    def __init__(self, index: Index) -> None:
        self._index = index

    def studies(self, query: Query, base_url: str) -> list[JsonDataset]:
        """Studies that match (PS3.18 section 10.6.1, Studies resource)."""
        with self._index.read() as session:
            found = [one for one in self._studies(session, query, base_url) if query.fits(one)]
        return [pick(one, "study", query) for one in query.page(found)]

    def series(self, query: Query, base_url: str, study: str | None) -> list[JsonDataset]:
        """Series that match, of one study or of all."""
        with self._index.read() as session:
            parents = self._parents(session, query, base_url, study)
            found = [one for one in self._series(session, query, parents) if query.fits(one)]
        missing = () if study else ("study",)
        return [pick(one, "series", query, parents=missing) for one in query.page(found)]

    def instances(self, query: Query, base_url: str, study: str | None, series: str | None) -> list[JsonDataset]:
        """Instances that match, of one series, one study, or all."""
        with self._index.read() as session:
            parents = self._parents(session, query, base_url, study)
            of_series = {_uid(one, "0020000E"): one for one in self._series(session, query, parents, series)}
            found = [one for one in self._instances(session, query, of_series) if query.fits(one)]
        missing = () if series else ("series",) if study else ("study", "series")
        return [pick(one, "instance", query, parents=missing) for one in query.page(found)]

    def _parents(self, session: Session, query: Query, base_url: str, study: str | None) -> dict[str, JsonDataset]:
        found = self._studies(session, query, base_url, study)
        return {_uid(one, "0020000D"): one for one in found}

    def _studies(
        self, session: Session, query: Query, base_url: str, study: str | None = None
    ) -> Iterator[JsonDataset]:
        select_rows = select(StudyRow).order_by(col(StudyRow.study_date).desc(), col(StudyRow.uid))
        if study is not None:
            select_rows = select_rows.where(StudyRow.uid == study)
        for keyword, column in (
            ("StudyInstanceUID", StudyRow.uid),
            ("AccessionNumber", StudyRow.accession_number),
            ("PatientID", StudyRow.patient_id),
        ):
            wanted = query.exact(keyword)
            if wanted is not None:
                select_rows = select_rows.where(col(column).in_(wanted))
        rows = list(session.exec(select_rows))
        for some in (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)):
            yield from _with_study_counts(session, some, base_url)

    def _series(
        self, session: Session, query: Query, parents: dict[str, JsonDataset], series: str | None = None
    ) -> Iterator[JsonDataset]:
        for study, parent in parents.items():
            select_rows = select(SeriesRow).where(SeriesRow.study_uid == study)
            if series is not None:
                select_rows = select_rows.where(SeriesRow.uid == series)
            for keyword, column in (("SeriesInstanceUID", SeriesRow.uid), ("Modality", SeriesRow.modality)):
                wanted = query.exact(keyword)
                if wanted is not None:
                    select_rows = select_rows.where(col(column).in_(wanted))
            rows = list(session.exec(select_rows))
            counts = self._index.counts(session, InstanceRow.series_uid, [row.uid for row in rows])
            for row in sorted(rows, key=lambda one: one.uid):
                dataset = {**parent, **orjson.loads(row.attributes)}
                put(dataset, "NumberOfSeriesRelatedInstances", counts.get(row.uid, 0))
                put(dataset, "RetrieveURL", f"{_text(parent, '00081190')}/series/{row.uid}")
                yield dataset

    def _instances(self, session: Session, query: Query, of_series: dict[str, JsonDataset]) -> Iterator[JsonDataset]:
        for series, parent in of_series.items():
            select_rows = (
                select(InstanceRow, HeaderRow.content)
                .join(HeaderRow, col(HeaderRow.uid) == col(InstanceRow.uid))
                .where(InstanceRow.series_uid == series)
                .order_by(col(InstanceRow.number))
            )
            for keyword, column in (("SOPInstanceUID", InstanceRow.uid), ("SOPClassUID", InstanceRow.sop_class_uid)):
                wanted = query.exact(keyword)
                if wanted is not None:
                    select_rows = select_rows.where(col(column).in_(wanted))
            for row, content in session.exec(select_rows):
                dataset = {**parent, **orjson.loads(content)}
                put(dataset, "InstanceAvailability", "ONLINE")
                put(dataset, "RetrieveURL", f"{_text(parent, '00081190')}/instances/{row.uid}")
                yield dataset


def _with_study_counts(session: Session, rows: Sequence[StudyRow], base_url: str) -> Iterator[JsonDataset]:
    uids = [row.uid for row in rows]
    kinds = [col(one) for one in (_I.study_uid, _I.series_uid, _I.modality, _I.sop_class_uid)]
    query = select_columns(*kinds, func.count()).where(col(InstanceRow.study_uid).in_(uids)).group_by(*kinds)
    groups: dict[str, list[tuple[str, str, str, int]]] = {uid: [] for uid in uids}
    for study, series, modality, sop_class, count in session.execute(query):
        groups[study].append((series, modality, sop_class, count))
    for row in rows:
        dataset: JsonDataset = orjson.loads(row.attributes)
        found = groups[row.uid]
        put(dataset, "InstanceAvailability", "ONLINE")
        put(dataset, "ModalitiesInStudy", *sorted({modality for _s, modality, _c, _n in found if modality}))
        put(dataset, "SOPClassesInStudy", *sorted({sop_class for _s, _m, sop_class, _n in found}))
        put(dataset, "RetrieveURL", f"{base_url}/studies/{row.uid}")
        put(dataset, "NumberOfStudyRelatedSeries", len({series for series, _m, _c, _n in found}))
        put(dataset, "NumberOfStudyRelatedInstances", sum(count for _s, _m, _c, count in found))
        yield dataset


def _text(dataset: JsonDataset, tag: str) -> str:
    return str(dataset[tag]["Value"][0])


def _uid(dataset: JsonDataset, tag: str) -> str:
    return _text(dataset, tag)
