"""``stepwell statement``: conformance statements of this installation."""

from __future__ import annotations

import typer

statement_app = typer.Typer(
    help="Conformance statements, from what the running code declares and the harness has verified.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(statement_app, name="statement")


@statement_app.command()
def dicom() -> None:
    """Print the DICOM Conformance Statement (PS3.2 Annex N) as Markdown."""
    from conformance.statements import dicom_statement
    from profiles.tables import read_table
    from stepwell.statements import declared_actors, product

    typer.echo(dicom_statement(product(), declared_actors(), read_table("profiles.errors", "errors")), nl=False)


@statement_app.command()
def ihe() -> None:
    """Print the IHE Integration Statement (RAD TF-1 Appendix F) as Markdown; claims without proof are withheld."""
    from conformance.statements import ihe_statement
    from conformance.statements.rendering import verified
    from stepwell.statements import declared_actors, product

    typer.echo(ihe_statement(product(), declared_actors(), verified()), nl=False)
