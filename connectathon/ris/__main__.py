"""``python -m connectathon.ris``: send an order for a fictional patient."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from connectathon.fiction import new_order, order_for
from connectathon.ris.orders import build_order
from connectathon.ris.sending import send_order
from profiles.errors import StepwellError


def main(
    receiver: Annotated[str, typer.Option(help="Host and MLLP port.")] = "127.0.0.1:2575",
    kind: Annotated[str, typer.Option(help="OMI^O23 or ORM^O01.")] = "OMI^O23",
    control: Annotated[str, typer.Option(help="Order control (ORC-1): NW, XO, CA, ...")] = "NW",
    status: Annotated[str, typer.Option(help="Order status (ORC-5).")] = "SC",
    priority: Annotated[str, typer.Option(help="R for routine, S for stat (table 0485).")] = "R",
    accession: Annotated[
        str, typer.Option(help="Accession number; it stands for patient and study. A new one when not given.")
    ] = "",
    study: Annotated[str, typer.Option(help="Study Instance UID, if another one is wanted.")] = "",
    show: Annotated[bool, typer.Option("--show", help="Print the message and send nothing.")] = False,
) -> None:
    """Build an order for a fictional patient and send it until it is answered."""
    order = order_for(accession) if accession else new_order()
    order = dataclasses.replace(order, study_instance_uid=study or order.study_instance_uid)
    host, _, port = receiver.rpartition(":")
    try:
        message = build_order(order, kind, control=control, status=status, priority=priority)
        if show:
            typer.echo(message.decode().replace("\r", "\n"), nl=False)
            return
        answer = send_order(host, int(port), message, limit_seconds=10)
    except StepwellError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{answer.code} accession {order.accession_number} study {order.study_instance_uid} {answer.text}")
    raise typer.Exit(0 if answer.code == "AA" else 1)


if __name__ == "__main__":
    typer.run(main)
