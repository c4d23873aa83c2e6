"""kill -9 of any actor at random moments, while studies go the whole way from order to result."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from connectathon.campaigns.evidence import Outcome
from connectathon.waiting import eventually
from profiles.errors import StepwellError
from stepwell.demo.department import Department
from stepwell.demo.walk import Walk

FULL_SIZE = 100
_LATEST_SECONDS = 6.0
_LAST_STEPS = ("order-received", "workitem-created", "workitem-claimed", "result-available", "workitem-completed")
#: The engine without a network does for this: a study takes seconds, and everything around it is the same.
QUICK_RULES = """
[[rule]]
name = "head-mask"
means = "an MR of the head"
when = '"MR" in modalities'
workitem_code = { value = "HEADMASK", scheme = "99STEPWELL", meaning = "Head mask and volume" }
label = "Head mask and volume"
"""

#: The middle of the head: large enough for the engine, and every step of a study takes place in half of the time.
FEW_SLICES = slice(55, 120)


def run(size: int, seed: int, folder: Path, say: Callable[[str], None] = lambda _words: None) -> Outcome:
    """Take so many studies through a department in which an actor dies during each.

    Args:
        size: number of studies.
        seed: of who is killed when.
        folder: for the department's data.
        say: told how it goes on.

    Returns:
        What was counted, and every promise that was broken.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    rules = folder / "rules.toml"
    rules.write_text(QUICK_RULES, encoding="utf-8")
    findings: list[str] = []
    killed: Counter[str] = Counter()
    with Department(folder / "data", rules=rules) as department:
        department.supervisor.wait_ready()
        for number in range(1, size + 1):
            actor, seconds = chance.choice(department.units), chance.uniform(0, _LATEST_SECONDS)
            say(f"study {number} of {size}: {actor} dies after {seconds:.2f} s")
            with _killing(department, actor, seconds):
                findings += [
                    f"study {number}, {actor} killed after {seconds:.2f} s: {one}" for one in _walk(department)
                ]
            killed[actor] += 1
    counts: dict[str, int | str] = {"studies": size, "kills": killed.total()}
    counts |= {f"of them {actor}": number for actor, number in sorted(killed.items())}
    return Outcome("demo-kills", seed, counts, tuple(findings))


@contextmanager
def _killing(department: Department, actor: str, seconds: float) -> Iterator[None]:
    """Kill an actor some time from now; its supervisor starts it again. At the end it is there again."""
    timer = threading.Timer(seconds, department.supervisor.kill, (actor,))
    timer.start()
    try:
        yield
    finally:
        timer.join()
        eventually(lambda: department.supervisor.is_ready(actor), 60, f"{actor} to be there again")


def _walk(department: Department) -> list[str]:
    """Every promise that one study's way broke."""
    walk = Walk(department, report=lambda _stage, _words: None, slices=FEW_SLICES)
    try:
        paths = walk.make_images()
        walk.send_order()
        walk.send_images(paths)
        walk.await_final()
        events = walk.await_events(_LAST_STEPS)
        kinds = sorted(kind for kind, _ in eventually(lambda: _results(walk), 60, "the results"))
    except (StepwellError, TimeoutError) as error:
        return [str(error)]
    broken = []
    if walk.workitem_count() != 1:
        broken.append(f"{walk.workitem_count()} workitems instead of one")
    if kinds != ["SEG", "SR"]:
        broken.append(f"the results are {', '.join(kinds)} instead of one SEG and one SR")
    if len({event["event_id"] for event in events}) != len(events):
        broken.append("an event is in the log twice")
    if sum(event["step"] == "workitem-completed" for event in events) != 1:
        broken.append("it was completed more often than once")
    return broken


def _results(walk: Walk) -> list[tuple[str, Path]] | None:
    try:
        return walk.fetch_results()
    except StepwellError:
        return None  # the archive is being started again
