"""mqcanary outbox and mqcanary notify, as somebody types them."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.door.rows import outbox
from agent.store.published import picture
from alerts.model import Delivery, Kind, Op, Progress, State, Subject, Thread
from alerts.policy import Policy, Route
from alerts.sinks.sink import Fault, Later, Refused
from tests.agent.cli.conftest import Run
from tests.agent.door.agent import agent, alert

ROUTES = Policy(route=Route(("console",), routes=(Route(("slack:#page",)),)))


def waiting(now: float) -> State:
    parked = Delivery(
        "12", 12, "12", "slack:#ops", Op.POST, (Kind.FIRED,), ("a", "b"), now - 600, Progress.PARKED, 5, error="no_text"
    )
    later = Delivery(
        "14",
        14,
        "14",
        "slack:#two",
        Op.REPLY,
        (Kind.WORSE,),
        ("a",),
        now - 60,
        Progress.QUEUED,
        1,
        now + 900,
        unclear=True,
    )
    threads = {d.thread: Thread(d.thread, Subject.MANY, d.destination, d.created) for d in (parked, later)}
    known = {"a": alert("a", now=now), "b": alert("b", "billing", now=now)}
    return State(alerts=known, deliveries={"12": parked, "14": later}, threads=threads, seq=14)


def test_what_waits_is_shown_with_its_reason(run: Run, tmp_path: Path) -> None:
    now = time.time()
    with agent(tmp_path, waiting(now)):
        lines = run("outbox", "list", "--state", tmp_path).out.splitlines()
        assert lines[:2] == ["parked   12  slack:#ops: fired", "  2 alerts of kafka/group-lagging on kafka://prod"]
        assert lines[2].startswith("  waits since ")
        assert lines[2].endswith(" UTC (10 min), 5 attempts")
        assert lines[3:5] == ["  no_text", ""]
        assert lines[5:7] == ["queued   14  slack:#two: worse", "  kafka://prod/groups/payments  kafka/group-lagging"]
        told = " ".join(line.strip() for line in lines[7:9])
        assert " (1 min" in told
        assert ", 1 attempt, next at " in told
        assert told.endswith("; it may have arrived already")
        assert lines[-1].startswith("1 parked, 1 queued; last change ")
        assert all(len(line) <= 80 for line in lines)
        rows = json.loads(run("outbox", "list", "--state", tmp_path, "--format", "json").out)
        assert [(row["id"], row["progress"], row["maybe_double"]) for row in rows] == [
            ("12", "parked", False),
            ("14", "queued", True),
        ]


def test_what_has_no_failure_says_why_it_waits() -> None:
    now = time.time()
    first = Delivery("1", 1, "1", "slack:#ops", Op.POST, (), (), now, not_before=now + 60)
    deliveries = (first, replace(first, id="2", seq=2), replace(first, id="3", destination="console", not_before=0.0))
    threads = {"1": Thread("1", Subject.DIGEST, "slack:#ops", now)}
    rows = outbox(picture(State(deliveries={d.id: d for d in deliveries}, threads=threads), now), now)
    assert [row["why"] for row in rows] == ["gathering what else comes", "about to be sent", "message 1 goes first"]
    assert {row["about"] for row in rows} == {"review of the configuration"}


def test_retry_and_drop(run: Run, tmp_path: Path) -> None:
    with agent(tmp_path, waiting(time.time())) as running:
        assert run("outbox", "retry", "--state", tmp_path).out == "sent: 1 message\n"
        assert run("outbox", "retry", "--state", tmp_path).out == "nothing is parked or held up\n"
        assert run("outbox", "drop", "14", "--state", tmp_path).out == "message 14 is given up\n"
        assert running.state.deliveries == {}
        assert run("outbox", "list", "--state", tmp_path).out.startswith("nothing waits to be sent; last change ")
        gone = run("outbox", "drop", "14", "--state", tmp_path)
        assert (gone.code, gone.err) == (
            2,
            'mqcanary: ID: there is no delivery "14"; see: mqcanary outbox list\n',
        )


def test_what_waits_after_a_failure_is_sent_now(run: Run, tmp_path: Path) -> None:
    now = time.time()
    behind = Delivery("13", 13, "13", "slack:#ops", Op.POST, (), (), now)
    failed = replace(behind, id="12", seq=12, thread="12", attempts=5, not_before=now + 900, error="not_in_channel")
    closed = (failed, behind)
    threads = {d.thread: Thread(d.thread, Subject.TEST, d.destination, d.created) for d in closed}
    state = State(deliveries={d.id: d for d in closed}, threads=threads, seq=14, pace={"slack:#ops": now + 900})
    with agent(tmp_path, state) as running:
        running.sink.outcomes = [Refused(Fault.ROUTE, "is_archived")]
        again = run("outbox", "retry", "--state", tmp_path)
        assert again.code == 1
        assert re.fullmatch(
            r"refused again: is_archived \(tried again at .* UTC\); waiting behind that: 1 message\n", again.out
        )
        assert len(running.sink.sent) == 1
        assert run("outbox", "retry", "13", "--state", tmp_path).out == "sent: 1 message\n"
        assert list(running.state.deliveries) == ["12"]


def test_a_test_message_goes_where_the_configuration_says(run: Run, tmp_path: Path, config: Path) -> None:
    state = tmp_path / "state"
    with agent(state, policy=ROUTES) as running:
        done = run("notify", "test", "--state", state, "--config", config)
        assert (done.code, done.out) == (0, "told console; told slack:#page\n")
        assert len(running.sink.sent) == 2
        one = run("notify", "test", "--route", "mqcanary.yaml:6", "--state", state, "--config", config)
        assert one.out == "told slack:#page\n"
        assert running.sink.sent[-1].place == "#page"
        assert "asked for by" in running.sink.sent[-1].message.title

        running.sink.outcomes = [Later("ratelimited", 60)]
        late = run("notify", "test", "--route", "console", "--state", state, "--config", config)
        assert (late.code, late.out) == (1, "not told console: ratelimited (it is tried again)\n")


def test_a_test_that_is_not_sent_is_no_success(run: Run, tmp_path: Path, config: Path) -> None:
    state = tmp_path / "state"
    words = ("notify", "test", "--route", "slack:#page", "--state", state, "--config", config)
    with agent(state, policy=replace(ROUTES, observe=True)) as running:
        told = "nothing was sent to slack:#page: the agent only observes (mode: observe), and logs what it would tell\n"
        assert (run(*words).code, run(*words).out) == (1, told)
        assert running.sink.sent == []
    kept = run(*words)
    assert kept.code == 1
    assert kept.out.startswith("kept until the agent starts (none runs on ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--route", "slack:#pages"), '--route: there is no destination and no route "slack:#pages"; did you mean "slack:#page"?'),
        (("--route", "99"), '--route: there is no destination and no route "99"; write one of console, slack:#page, mqcanary.yaml:3, mqcanary.yaml:6'),
    ],
)  # fmt: skip
def test_a_route_that_is_none(run: Run, tmp_path: Path, config: Path, words: tuple[str, ...], told: str) -> None:
    done = run("notify", "test", *words, "--state", tmp_path / "state", "--config", config)
    assert (done.code, done.out, done.err) == (2, "", f"mqcanary: {told}\n")


def test_a_test_needs_a_configuration(run: Run, tmp_path: Path) -> None:
    done = run("notify", "test", "--state", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err == "mqcanary: the destinations stand in the agent's configuration: give --config FILE\n"
