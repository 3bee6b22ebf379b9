"""Wrong passwords: tried again later and later, and at once when the secret is another one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.lockout import WAITS
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.demo.cluster import SimulatedCluster, brokers
from agent.secret import Secret
from checks.facts import Unknown, Why
from checks.limits import Limits
from checks.questions import Questions

SASL_AUTHENTICATE = 36


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(1)
    model.users = {"mq": "right"}
    with SimulatedCluster(model) as running:
        yield running


class Case:
    """A collector with a password from a file, and a clock that stands still."""

    def __init__(self, cluster: SimulatedCluster, file: Path) -> None:
        self.cluster, self.file, self.now = cluster, file, 1000.0
        security = Security(
            protocol=Protocol.SASL_PLAINTEXT, mechanism=Mechanism.PLAIN, username="mq", password=Secret.file(file)
        )
        settings = KafkaSettings(cluster.endpoints, security=security)
        self.collector = KafkaCollector(settings, Questions((), Limits()), lambda: self.now)

    def look(self) -> Unknown | None:
        cluster = self.collector.collect(None, 5).cluster
        return cluster if isinstance(cluster, Unknown) else None

    @property
    def tries(self) -> int:
        return len(self.cluster.asked(SASL_AUTHENTICATE))


@pytest.fixture
def case(cluster: SimulatedCluster, tmp_path: Path) -> Case:
    (tmp_path / "password").write_text("wrong\n")
    return Case(cluster, tmp_path / "password")


def test_it_is_tried_again_later_and_later(case: Case) -> None:
    tried = 1
    for wait in (*WAITS, WAITS[-1]):
        refused = case.look()
        assert refused is not None
        assert (refused.why, case.tries) == (Why.DENIED, tried)
        case.now += wait / 2
        between = case.look()
        case.now += wait / 2 - 1
        again = case.look()
        assert again is not None
        assert (again.why, case.tries) == (Why.DENIED, tried), "not a word to the broker"
        assert "does not accept user 'mq'" in again.detail
        assert "not tried again before " in again.detail
        assert again == between, "nothing new is told"
        case.now += 1
        tried += 1


def test_another_secret_is_tried_at_once(case: Case) -> None:
    case.look()
    case.file.write_text("also wrong\n")
    assert case.look() is not None
    assert case.tries == 2
    case.file.write_text("right\n")
    assert case.look() is None
    case.file.write_text("wrong\n")
    assert case.look() is not None
    case.now += WAITS[0]
    case.look()
    assert case.tries == 5, "who was let in begins anew"


def test_a_broker_that_is_away_is_tried_each_time(case: Case) -> None:
    case.cluster.stop_broker(1)
    for _ in range(2):
        away = case.look()
        assert away is not None
        assert away.why is Why.UNREACHABLE
    case.cluster.start_broker(1)
    assert case.look() is not None
    assert case.tries == 1


class Several(Case):
    """Of three brokers, the first of which may refuse what the others take."""

    @property
    def tries(self) -> int:
        return self.of(1) + self.of(2) + self.of(3)

    def of(self, broker: int) -> int:
        return sum(request.broker == broker for request in self.cluster.asked(SASL_AUTHENTICATE))


@pytest.fixture
def several(tmp_path: Path) -> Iterator[Several]:
    model = brokers(3)
    model.users = {"mq": "right"}
    (tmp_path / "password").write_text("wrong\n")
    with SimulatedCluster(model) as cluster:
        yield Several(cluster, tmp_path / "password")


def test_what_one_broker_refused_is_shown_to_no_other_in_that_look(several: Several) -> None:
    for broker, wait in enumerate((*WAITS, 0), start=1):
        refused = several.look()
        assert refused is not None
        assert (refused.why, several.tries) == (Why.DENIED, broker)
        several.now += wait
    assert sorted(map(several.of, (1, 2, 3))) == [1, 1, 2], "each time another one is asked first"


def test_one_broker_that_refuses_is_come_in_past(several: Several) -> None:
    several.file.write_text("right\n")
    several.cluster.model.brokers[1].refuses = True
    assert several.look() is not None
    several.now += WAITS[0]
    assert several.look() is None, "by another one"
    for tried, wait in enumerate((*WAITS[1:], WAITS[-1]), start=2):
        assert several.of(1) == tried
        several.now += wait - 1
        assert several.look() is None
        assert several.look() is None
        assert several.of(1) == tried, "later and later, though the others let us in"
        several.now += 1
        assert several.look() is None
    several.cluster.model.brokers[1].refuses = False
    several.now += WAITS[-1]
    assert several.look() is None
    refused = several.of(1)
    several.now += 1
    assert several.look() is None
    assert several.of(1) == refused + 1, "who lets us in is come to in each look"
