"""``stepwell results``: what result objects say, in words, pictures and other forms."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profiles.errors import BadInput, NotFound
from stepwell.cli.options import JsonOption

if TYPE_CHECKING:
    from pydicom import Dataset

    from profiles.air.reading import Reading
    from profiles.air.results import Results, Thing

results_app = typer.Typer(
    help="Result objects of anybody (SR, SEG, parametric maps, key images): read, draw, tell in FHIR or HL7.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Paths = Annotated[
    list[Path], typer.Argument(help="Files or folders: the result objects and their images.", metavar="PATH...")
]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="File to write; standard output when not given.")]
_FORMS = {".png": "png", ".pdf": "pdf"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(results_app, name="results")


@dataclass(frozen=True)
class _Given:
    """What the paths hold."""

    objects: list[Dataset]
    images: list[Dataset]
    reading: Reading

    @property
    def results(self) -> Results:
        """The primitives.

        Raises:
            NotFound: when nothing could be read.
        """
        if self.reading.results is None:
            reasons = "\n".join(dict.fromkeys(row.reason for row in self.reading.unread))
            raise NotFound(f"No result could be read from {len(self.objects)} objects.\n{reasons}")
        return self.reading.results


@results_app.command()
def read(paths: Paths, as_json: JsonOption = False) -> None:
    """Say in words what results state, who made them, and what was not understood."""
    given = _given(paths)
    if as_json:
        typer.echo(json.dumps(_as_json(given), indent=2, default=str))
    else:
        for line in _in_words(given):
            typer.echo(line)
    if given.reading.results is None:
        sys.exit(1)


@results_app.command()
def draw(
    paths: Paths,
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture to write: a .png or a .pdf.")],
    dark: Annotated[bool, typer.Option("--dark", help="For a dark screen instead of paper.")] = False,
    with_patient: Annotated[bool, typer.Option("--with-patient", help="Write the patient's name into it.")] = False,
) -> None:
    """Draw an overview: key slices with what was found on them, a legend, and the measurements."""
    from actors.evidence_creator.pictures import Form, Look, caption_of, draw_overview
    from profiles.air.reading import algorithm_of, context_of

    if out.suffix.lower() not in _FORMS:
        raise BadInput(f"{out} is neither a .png nor a .pdf; name the picture so.")
    given = _given(paths)
    caption = caption_of(context_of(given.objects, given.images), algorithm_of(given.reading))
    out.write_bytes(
        draw_overview(
            given.results,
            given.images,
            caption,
            form=Form(_FORMS[out.suffix.lower()]),
            look=Look.DARK if dark else Look.PRINT,
            with_patient=with_patient,
        )
    )
    typer.echo(str(out))


@results_app.command()
def fhir(
    paths: Paths,
    version: Annotated[str, typer.Option("--version", help="R4B or R5.")] = "R4B",
    retrieve_url: Annotated[str, typer.Option("--retrieve-url", help="DICOMweb service that has the objects.")] = "",
    out: OutOption = None,
) -> None:
    """Tell results as a FHIR transaction bundle."""
    from profiles.air.reading import algorithm_of, context_of
    from profiles.fhir.bundle import fhir_bundle
    from profiles.fhir.elements import Version

    if version not in tuple(Version):
        raise BadInput(f"--version is {version!r}; known are {', '.join(Version)}.")
    given = _given(paths)
    bundle = fhir_bundle(
        given.results,
        context_of(given.objects, given.images),
        algorithm_of(given.reading),
        given.objects,
        version=Version(version),
        retrieve_url=retrieve_url,
    )
    _write(json.dumps(bundle, indent=2).encode(), out)


@results_app.command()
def hl7(
    paths: Paths,
    sender: Annotated[str, typer.Option("--sender", help="MSH-3|MSH-4.")] = "STEPWELL|STEPWELL",
    receiver: Annotated[str, typer.Option("--receiver", help="MSH-5|MSH-6.")] = "RIS|HOSPITAL",
    authority: Annotated[str, typer.Option("--authority", help="Assigning authority of Patient IDs, PID-3.4.")] = "",
    version: Annotated[str, typer.Option("--version", help="2.5.1 (RAD-128) or 2.3.1 (RAD-28).")] = "2.5.1",
    out: OutOption = None,
) -> None:
    """Tell results as an HL7 message, ORU^R01."""
    from profiles.air.reading import algorithm_of, context_of
    from profiles.hl7.results import Parties, oru_r01

    names = [part for party in (sender, receiver) for part in party.split("|")]
    if len(names) != len(("MSH-3", "MSH-4", "MSH-5", "MSH-6")):
        raise BadInput("--sender and --receiver are each an application and a facility, joined by a bar.")
    given = _given(paths)
    message = oru_r01(
        given.results,
        context_of(given.objects, given.images),
        algorithm_of(given.reading),
        given.objects,
        parties=Parties(names[0], names[1], names[2], names[3], version=version, assigning_authority=authority),
    )
    _write(message if out else message.replace(b"\r", b"\n"), out)


def _write(content: bytes, out: Path | None) -> None:
    if out:
        out.write_bytes(content)
        typer.echo(str(out))
    else:
        sys.stdout.buffer.write(content.rstrip(b"\n") + b"\n")
        sys.stdout.buffer.flush()


def _given(paths: Sequence[Path]) -> _Given:
    from profiles.air.reading import Kind, kind_of, read_results

    files = [dataset for path in paths for dataset in _datasets(path)]
    datasets = list({str(one.get("SOPInstanceUID", "") or id(one)): one for one in files}.values())
    images = [one for one in datasets if kind_of(one) is Kind.OTHER]
    objects = [one for one in datasets if kind_of(one) is not Kind.OTHER]
    if not objects:
        raise NotFound(f"There is no result object among {len(files)} DICOM files; name the files of a result.")
    return _Given(objects, images, read_results(objects, images))


def _datasets(path: Path) -> Iterator[Dataset]:
    import pydicom
    from pydicom.errors import InvalidDicomError

    if not path.exists():
        raise NotFound(f"There is no {path}.")
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            try:
                yield pydicom.dcmread(file)
            except (InvalidDicomError, ValueError, OSError):
                typer.echo(f"{file}: no DICOM file, left out", err=True)


def _in_words(given: _Given) -> Iterator[str]:
    from actors.evidence_creator.pictures.words import findings, row

    for algorithm in given.reading.algorithms:
        yield f"made by {algorithm.name} {algorithm.version}, {algorithm.manufacturer}"
    for stated in given.reading.objects:
        flags = " ".join(filter(None, [stated.completion, stated.preliminary, stated.verification]))
        yield f"{stated.kind:14} {stated.object_uid}  {flags}".rstrip()
    if given.reading.results is not None:
        results = given.reading.results
        yield from findings(results)
        for thing in results.things():
            name = thing.tracking.identifier
            if thing.segment:
                yield f"{name}: segment {thing.segment[1]}, {thing.segment[2].property_type.meaning}"
            yield from (f"{name}: {'  '.join(filter(None, row(number)))}" for number in thing.measurements)
    for missed in given.reading.unread:
        yield f"not read: {missed.object_uid} {missed.path} {missed.what}: {missed.reason}"


def _as_json(given: _Given) -> dict[str, Any]:
    things = given.reading.results.things() if given.reading.results else ()
    return {
        "algorithms": [asdict(row) for row in given.reading.algorithms],
        "objects": [asdict(row) for row in given.reading.objects],
        "things": [_thing(thing) for thing in things],
        "nothing_found": bool(given.reading.results and given.reading.results.nothing_found),
        "unread": [asdict(row) for row in given.reading.unread],
    }


def _thing(thing: Thing) -> dict[str, Any]:
    """A thing without its voxels."""
    many = ("regions", "locations", "measurements", "evaluations", "comments")
    said = {kind: [asdict(row) for row in getattr(thing, kind)] for kind in many}
    place, number, segment = thing.segment or (0, 0, None)
    return {
        "tracking": asdict(thing.tracking),
        "finding": asdict(thing.finding) if thing.finding else None,
        "segment": segment
        and {
            "segmentation": place + 1,
            "number": number,
            "label": segment.label,
            "property_type": asdict(segment.property_type),
            "voxels": int((segment.mask > 0).sum()),
        },
        "maps": [{"label": found.label, "quantity": asdict(found.quantity)} for _, found in thing.maps],
        **{kind: rows for kind, rows in said.items() if rows},
    }
