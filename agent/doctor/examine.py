"""All subjects, each target in a thread of its own: one that hangs holds up no other."""

import threading
from collections.abc import Sequence
from pathlib import Path

from agent.collect.building import Watched
from agent.config.running import Running
from agent.doctor import slack, state
from agent.doctor.model import Item, State, Subject

_LOOKS = 2
"""Deadlines that one target may take: a look, and the questions of the doctor."""


def examine(watched: Sequence[Watched], running: Running, folder: Path | None) -> list[Subject]:
    """`folder` None: no state directory is meant."""
    found: dict[int, Subject] = {}
    threads = []
    for i, one in enumerate(watched):

        def run(i: int = i, one: Watched = one) -> None:
            found[i] = _target(one, running.every)

        thread = threading.Thread(target=run, name=f"doctor {one.collector.place}", daemon=True)
        thread.start()
        threads.append(thread)
    others = slack.examine(running, 10.0)
    if folder is not None:
        others.append(state.examine(folder))
    for one, thread in zip(watched, threads, strict=True):
        thread.join(_LOOKS * one.deadline + 2)
    return [found.get(i, _late(one)) for i, one in enumerate(watched)] + others


def _target(one: Watched, every: float) -> Subject:
    # A client is imported only where a target needs it.
    scheme = "sqs" if type(one.collector).__module__.startswith("agent.collect.aws") else "kafka"
    try:
        if scheme == "sqs":
            from agent.doctor import sqs  # noqa: PLC0415

            return sqs.examine(one.collector, one.deadline, every)  # type: ignore[arg-type]
        from agent.doctor import kafka  # noqa: PLC0415

        return kafka.examine(one.collector, one.deadline, every)  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001 - a bug of ours must not hide what is said of the others
        text = f"mqcanary failed: {type(error).__name__}: {error} (please report this)"
        return Subject(f"{scheme}://{one.collector.place}", (Item("doctor", State.MISSING, " ".join(text.split())),))


def _late(one: Watched) -> Subject:
    text = f"it was not examined within {_LOOKS * one.deadline:g} s"
    return Subject(one.collector.place, (Item("reachable", State.UNREACHABLE, text, mend="give a longer --deadline"),))
