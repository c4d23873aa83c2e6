"""Our own actors, each with one known defect: how the judge is judged.

A defect is a function that spoils one thing in the code of an actor, in a process of its own, before the actor starts::

    @defect("tm-double-winner", "task_manager", "two performers can claim the same workitem", fails=("AIWI-TM-018",))
    def _double_winner() -> None:
        ...

``fails`` names the cases of the harness that must end as ``fail``, ``warns`` those that must end as ``warn``; every
other case must end as it does with the good actor. ``python -m connectathon.bad_peers`` runs one.
"""

from connectathon.bad_peers.defects import BadPeer, bad_peers, defect

__all__ = ["BadPeer", "bad_peers", "defect"]
