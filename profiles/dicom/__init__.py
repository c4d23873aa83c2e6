"""The DICOM JSON Model (PS3.18 Annex F), the form in which workitems live everywhere but at the DIMSE edge."""

from profiles.dicom.codes import Code, code
from profiles.dicom.json_model import (
    JsonDataset,
    get,
    get_all,
    get_code,
    item,
    items,
    put,
    put_codes,
    put_items,
    remove,
    tag_of,
    text,
    vr_of,
)
from profiles.dicom.values import dicom_datetime, new_uid, parse_dicom_datetime

__all__ = [
    "Code",
    "JsonDataset",
    "code",
    "dicom_datetime",
    "get",
    "get_all",
    "get_code",
    "item",
    "items",
    "new_uid",
    "parse_dicom_datetime",
    "put",
    "put_codes",
    "put_items",
    "remove",
    "tag_of",
    "text",
    "vr_of",
]
