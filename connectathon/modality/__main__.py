"""``python -m connectathon.modality``: make a study of a fictional patient, and send it."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from connectathon.fiction import DemoOrder, new_order, order_for
from connectathon.modality import bad_studies, head_study, send_study
from profiles.errors import BadInput, StepwellError

app = typer.Typer(help="A simulated MR scanner.", no_args_is_help=True, add_completion=False)


class Kind(StrEnum):
    """What to make."""

    PYDEFACE = "pydeface"
    COLIN27 = "colin27"
    SINGLE_SLICE = "single-slice"
    MR_PHANTOM = "mr-phantom"
    CT_PHANTOM = "ct-phantom"
    OTHER_BODY_PART = "knee"
    CORRUPT = "corrupt"


@app.command()
def make(
    folder: Annotated[Path, typer.Argument(help="Where the files go; made when missing.")],
    kind: Annotated[Kind, typer.Option(help="A head, or a study that an engine must refuse.")] = Kind.PYDEFACE,
    accession: Annotated[
        str, typer.Option(help="Accession number; it stands for patient and study. A new one when not given.")
    ] = "",
    study_uid: Annotated[str, typer.Option(help="Study Instance UID, if another one is wanted.")] = "",
) -> None:
    """Write a study as DICOM files."""
    order = order_for(accession) if accession else new_order()
    order = replace(order, study_instance_uid=study_uid or order.study_instance_uid)
    try:
        paths = _make(kind, order, folder)
    except StepwellError as error:
        raise _exit(error) from error
    typer.echo(f"{len(paths)} file(s) in {folder}")
    typer.echo(f"accession {order.accession_number}, study {order.study_instance_uid}")


@app.command()
def send(
    folder: Annotated[Path, typer.Argument(help="All files below it are sent.", exists=True)],
    dicomweb: Annotated[str, typer.Option(help="Base address of a DICOMweb service, e.g. …/dicom-web.")] = "",
    dimse: Annotated[str, typer.Option(help="host:port of a C-STORE SCP.")] = "",
    called_ae: Annotated[str, typer.Option(help="AE title of the SCP.")] = "STEPWELL",
) -> None:
    """Send files to an archive, over DICOMweb or DIMSE."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    try:
        send_study(paths, dicomweb_url=dicomweb or None, dimse=_address(dimse), called_ae=called_ae)
    except StepwellError as error:
        raise _exit(error) from error
    typer.echo(f"{len(paths)} file(s) sent and acknowledged")


def _make(kind: Kind, order: DemoOrder, folder: Path) -> list[Path]:
    makers = {
        Kind.SINGLE_SLICE: bad_studies.single_slice_study,
        Kind.MR_PHANTOM: bad_studies.mr_phantom_study,
        Kind.CT_PHANTOM: bad_studies.ct_phantom_study,
        Kind.OTHER_BODY_PART: bad_studies.other_body_part_study,
    }
    if kind in makers:
        return makers[kind](order, folder)
    if kind is Kind.CORRUPT:
        return [bad_studies.corrupt_file(folder, order)]
    return head_study(order, folder, source=str(kind))


def _address(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise BadInput(f"{text!r} is no host:port, for example 127.0.0.1:11112.")
    return host, int(port)


def _exit(error: StepwellError) -> typer.Exit:
    typer.echo(error.message, err=True)
    return typer.Exit(1)


if __name__ == "__main__":
    app()
