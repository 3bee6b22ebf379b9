"""The heartbeat: only while looking, judging and telling all get on; and what keeps it from being called is said."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent.config.running import HeartbeatSection
from agent.daemon.heartbeat import IDLE, STUCK, beat, trouble
from agent.demo.cluster import SimulatedCluster
from agent.demo.slack import FakeSlack
from agent.view import View
from alerts.model import Delivery, Op, Progress, State, Subject, Thread
from tests.agent.daemon.harness import Agent
from tests.agent.daemon.scene import configuration
from tests.agent.metrics.views import target, view
from tests.checks.examples import AT, kafka

PLACE = "kafka:prod"


@dataclass
class Called:
    """A server that answers `status`, and how often it was called."""

    url: str = ""
    status: int = 200
    count: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int, seconds: float = 30.0) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.count >= count, seconds)


@pytest.fixture
def called() -> Iterator[Called]:
    counting = Called()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(counting.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            with counting.changed:
                counting.count += 1
                counting.changed.notify_all()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    counting.url = f"http://127.0.0.1:{server.server_address[1]}/ping/a-secret"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield counting
    server.shutdown()
    thread.join()
    server.server_close()


def well(**changed: object) -> View:
    """A view of one target that was looked at just now."""
    one = replace(target(kafka()), place=PLACE)
    return replace(view(one), judged=AT, started=AT - 60, every=30.0, **changed)  # type: ignore[arg-type]


def waiting(progress: Progress = Progress.QUEUED) -> State:
    delivery = Delivery("1", 1, "1", "slack:#ops", Op.POST, (), (), AT, progress=progress)
    return State(deliveries={"1": delivery})


def test_nothing_keeps_it_back_while_all_gets_on() -> None:
    assert trouble(well(), {PLACE: 32.0}, AT) == ""
    assert trouble(well(state=waiting()), {PLACE: 32.0}, AT + IDLE) == ""


def test_a_judge_that_stands_still() -> None:
    assert trouble(well(), {PLACE: 32.0}, AT + IDLE + 1) == "the judge has finished nothing for 1 min 1 s"


def test_a_target_that_nobody_looks_at() -> None:
    later = AT + IDLE + 32.0
    seen = replace(well(), judged=later + 1)
    assert trouble(seen, {PLACE: 32.0}, later) == ""
    assert trouble(seen, {PLACE: 32.0}, later + 1).startswith(f"{PLACE} was last looked at ")
    assert trouble(replace(seen, every=60.0), {PLACE: 32.0}, later + 1) == ""
    assert trouble(well(), {PLACE: 32.0, "sqs:prod": 32.0}, AT) == "sqs:prod was not looked at yet"


def test_a_message_that_can_not_be_told() -> None:
    late = AT + STUCK + 1
    stuck = replace(well(state=waiting()), judged=late)
    assert trouble(stuck, {}, late).startswith("a message to slack:#ops has waited for ")
    assert trouble(replace(stuck, state=waiting(Progress.SENDING)), {}, late)
    assert trouble(replace(stuck, judged=late - 2), {}, late - 2) == "", "it may be slow"


def test_a_message_that_was_refused_for_good_unless_it_is_a_test() -> None:
    parked = waiting(Progress.PARKED)
    assert trouble(well(state=parked), {}, AT) == "a message to slack:#ops was refused, and is parked"
    for subject, why in ((Subject.TEST, ""), (Subject.ALERT, "a message to slack:#ops was refused, and is parked")):
        threads = {"1": Thread("1", subject, "slack:#ops", AT)}
        assert trouble(well(state=replace(parked, threads=threads)), {}, AT) == why


def test_what_is_gathered_waits_on_purpose_and_what_failed_does_not() -> None:
    at = AT + STUCK + 1
    (delivery,) = waiting().deliveries.values()
    for error, why in (("", ""), ("channel_not_found", "a message to slack:#ops has waited for 5 min 1 s")):
        later = replace(delivery, not_before=at + 60, error=error)
        assert trouble(replace(well(state=State(deliveries={"1": later})), judged=at), {}, at) == why


def test_it_is_called_again_and_again_until_something_is_wrong_and_after_it(called: Called) -> None:
    stopping, asked = threading.Event(), threading.Event()
    why = [""]

    def wrong() -> str:
        asked.set()
        return why[0]

    section = HeartbeatSection.model_validate({"url": called.url, "every": "0.02s"})
    thread = threading.Thread(target=beat, args=(stopping, lambda: section, wrong))
    thread.start()
    try:
        assert called.wait(3)
        why[0] = "the judge has finished nothing for 1 min 1 s"
        asked.clear()
        assert asked.wait(30)
        asked.clear()
        assert asked.wait(30)
        before = called.count
        for _ in range(3):
            asked.clear()
            assert asked.wait(30)
        assert called.count == before
        why[0] = ""
        assert called.wait(before + 1)
    finally:
        stopping.set()
        thread.join()


def test_a_run_calls_it_after_its_first_look_and_a_reload_moves_it(
    cluster: SimulatedCluster, slack: FakeSlack, called: Called, tmp_path: Path
) -> None:
    heartbeat = {"url": called.url, "every": "0.1s"}
    stall = cluster.fault(delay=3600.0)
    with Agent(tmp_path, configuration(cluster, slack, heartbeat=heartbeat)) as agent:
        agent.start()
        assert agent.wait_log("no heartbeat")["error"] == "kafka:prod was not looked at yet"
        assert called.count == 0
        stall.off()
        for broker in cluster.model.brokers:
            cluster.stop_broker(broker)
            cluster.start_broker(broker)
        assert called.wait(3)
        assert len(agent.said("heartbeat again")) == 1
        called.status = 500
        agent.wait_log("no heartbeat", error="HTTP 500")
        agent.reload(configuration(cluster, slack))
        agent.reload(configuration(cluster, slack, heartbeat=heartbeat))
        assert agent.stop() == 0
        assert called.url not in "\n".join(agent.output)
