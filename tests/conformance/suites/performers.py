"""Our own Task Performer, good or bad, as a system under test that can be killed and started again."""

from contextlib import ExitStack, contextmanager

from conformance.harness.registry import suite
from connectathon.bad_peers.running import running
from connectathon.judging import judge
from connectathon.waiting import free_port

OPTIONS = ("triggered-pull", "push")
AE_TITLE, SLOTS, POLL_SECONDS, LISTENING_POLL_SECONDS = "TP_TEST", 2, 0.2, 6.0


@contextmanager
def judged_task_performer(folder, peer="good", *, options=OPTIONS):
    """A running Task Performer, and a function that judges it; without options it only polls."""
    worklist, archive, own = free_port(), free_port(), free_port()
    settings = {
        "ae_title": AE_TITLE,
        "task_manager_url": f"http://127.0.0.1:{worklist}/ups-rs",
        "archive_url": f"http://127.0.0.1:{archive}/dicom-web",
        "engines": ["head-mask"],
        "listen": "triggered-pull" in options,
        "poll_seconds": POLL_SECONDS,
        "listening_poll_seconds": LISTENING_POLL_SECONDS,
        "cancel_check_seconds": 0.2,
        "slots": SLOTS,
        "threads": 1,
        **({"port": own} if "push" in options else {}),
    }
    declaration = {
        "harness": {"worklist_port": worklist, "archive_port": archive},
        "task": {"workitem_code": "HEADMASK^99STEPWELL^Head mask", "ae_title": AE_TITLE, "cancels": True},
        "timing": {
            "work_seconds": 90,
            "cancel_seconds": 60,
            "poll_seconds": POLL_SECONDS,
            "listening_poll_seconds": LISTENING_POLL_SECONDS,
            "away_seconds": 0.5,
            "slots": SLOTS,
        },
        "push": {"base_url": f"http://127.0.0.1:{own}/ups-rs"},
        "options": list(options),
    }
    with ExitStack() as processes:

        def start():
            return processes.enter_context(running("task_performer", folder / "data", peer, **settings))

        process = start()

        def kill_and_restart(_instruction):
            nonlocal process
            process.kill()
            process.wait()
            process = start()
            return True

        yield lambda begins=(): judge(
            suite("task_performer"),
            declaration,
            folder / "evidence",
            {"kill-and-restart": kill_and_restart},
            begins=begins,
        )
