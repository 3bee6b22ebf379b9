"""The view that other processes read."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from agent.errors import ConfigError
from agent.store.published import NAME, publish, read
from alerts.model import Delivery, Op, Silence, State, Subject, Thread
from checks.pattern import Pattern
from tests.agent.store.values import STATES

SILENCE = Silence("s1", Pattern("kafka", "prod"), "*", 2000.0, "ana@ops", "deploy", 1000.0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each view replaces the one before
@given(STATES)
def test_what_is_published_is_read(tmp_path: Path, state: State) -> None:
    publish(tmp_path, state, 1234.5)
    view = read(tmp_path)
    assert (view.at, view.pid) == (1234.5, os.getpid())
    for name in ("alerts", "silences", "deliveries", "targets"):
        assert getattr(view, name) == tuple(getattr(state, name).values())
    assert [p.name for p in tmp_path.iterdir()] == [NAME], "renamed into place, nothing left over"


def test_only_threads_with_something_under_way_are_shown_and_tests(tmp_path: Path) -> None:
    threads = {id_: Thread(id_, Subject.ALERT, "console", 1.0) for id_ in ("1", "2")}
    threads["3"] = Thread("3", Subject.TEST, "console", 1.0, sent=2.0)
    deliveries = {"d": Delivery("d", 1, "2", "console", Op.POST, (), (), 1.0)}
    publish(tmp_path, State(threads=threads, deliveries=deliveries), 1.0)
    assert read(tmp_path).threads == (threads["2"], threads["3"])


def test_no_view_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no view of an agent: start one \(mqcanary run\), or name its"):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"at": "soon", "pid": 1}', b'{"at": 1}'])
def test_a_view_of_another_form_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(ConfigError, match=r"view\.json can't be read \(.*\): run the same version as the agent"):
        read(tmp_path)


def test_what_may_not_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(ConfigError, match=r"view\.json can't be read \(Is a directory\): run as the agent's user"):
        read(tmp_path)


def test_a_disk_that_takes_nothing_leaves_the_old_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, State(silences={"s1": SILENCE}), 1.0)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_text", full)
        publish(tmp_path, State(), 2.0)
        broken.setattr(Path, "unlink", full)  # and one that is read-only
        publish(tmp_path, State(), 3.0)
    assert (read(tmp_path).at, read(tmp_path).silences) == (1.0, (SILENCE,))
    assert json.loads((tmp_path / NAME).read_text())["at"] == 1.0
