"""An archive of the present day, as far as searches go."""

from actors.task_requester.triggers.searching import fits
from profiles.dicom import put, text
from profiles.errors import NotFound
from tests.task_requester.conftest import Images
from tests.task_requester.workshop import NOW

_MATCHED = ("StudyDate", "StudyInstanceUID", "AccessionNumber", "ModalitiesInStudy")


class Pacs(Images):
    """An archive that pages, counts and knows dates (its studies are of `NOW`); ``most`` is its own limit of a page."""

    most, counts = 100, True

    def __init__(self):
        super().__init__()
        self.asked, self.makers, self.unreadable, self.name = [], {}, "", "FICTIONAL^ADA"

    def add(self, order, count=30, *, day=f"{NOW:%Y%m%d}", **details):
        """A study of an order."""
        details = {"accession": order.accession_number, "patient_id": order.patient_id, **details}
        self.put(order.study_instance_uid, count, **details)
        self.studies[order.study_instance_uid]["day"] = day

    def search_studies(self, filters=None):
        self.asked.append(filters)
        found = []
        for one in super().search_studies({}):
            study = self.studies[text(one, "StudyInstanceUID")]
            series = study["series"].values()
            put(put(one, "StudyDate", study["day"]), "AccessionNumber", study["accession"])
            put(one, "PatientName", self.name)
            put(one, "ModalitiesInStudy", *sorted({modality for modality, _, _ in series}))
            if self.counts:
                put(one, "NumberOfStudyRelatedInstances", sum(count for _, _, count in series))
            found.append(one)
        wanted = {name: filters[name] for name in _MATCHED if name in filters}
        found = [one for one in found if fits(one, wanted)]
        offset = int(filters.get("offset", 0))
        return found[offset : offset + min(self.most, int(filters.get("limit", 100)))]

    def search_series(self, study, filters=None):
        if study == self.unreadable:
            raise NotFound("It is gone.")
        return super().search_series(study, filters)

    def instance_metadata(self, study, series, instance):
        return put(super().instance_metadata(study, series, instance), "Manufacturer", self.makers.get(series, "X"))
