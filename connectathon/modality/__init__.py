"""A simulated MR scanner: real heads as proper MR series of fictional patients, sent as scanners send them."""

from connectathon.fiction import DemoOrder
from connectathon.modality.bad_studies import corrupt_file, ct_phantom_study, mr_phantom_study, single_slice_study
from connectathon.modality.heads import Head, load_head
from connectathon.modality.sending import send_study
from connectathon.modality.series import head_study, write_series

__all__ = [
    "DemoOrder",
    "Head",
    "corrupt_file",
    "ct_phantom_study",
    "head_study",
    "load_head",
    "mr_phantom_study",
    "send_study",
    "single_slice_study",
    "write_series",
]
