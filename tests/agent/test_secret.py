import copy
import dataclasses
import json
import logging
import pickle
from pathlib import Path

import pytest

from agent.errors import ConfigError, ConnectError, MqcanaryError
from agent.secret import Secret


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Secret]:
    monkeypatch.setenv("BROKER_PASSWORD", "hunter2")
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    return [Secret.literal("hunter2"), Secret.env("BROKER_PASSWORD"), Secret.file(path)]


def test_is_revealed_only_on_request(secrets: list[Secret], caplog: pytest.LogCaptureFixture) -> None:
    @dataclasses.dataclass
    class Holder:
        secret: Secret

    for secret in secrets:
        assert secret.reveal() == "hunter2"
        logging.getLogger("test").warning("%s %r", secret, Holder(secret))
        shown = [
            str(secret),
            repr(secret),
            f"{secret}",
            f"{secret!r:>5}",
            secret.origin,
            repr(Holder(secret)),
            caplog.text,
        ]
        assert not [text for text in shown if "hunter2" in text]
        assert repr(secret) == "***"
        assert not hasattr(secret, "__dict__")


def test_is_never_serialised(secrets: list[Secret]) -> None:
    for secret in secrets:
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(secret)
        with pytest.raises(TypeError):
            json.dumps(secret)


def test_is_copied_with_what_holds_it(secrets: list[Secret]) -> None:
    assert [copy.deepcopy(secret) for secret in secrets] == secrets
    assert [copy.copy(secret) for secret in secrets] == secrets


def test_equal_references_are_equal() -> None:
    assert Secret.env("A") == Secret.env("A")
    assert len({Secret.env("A"), Secret.env("A"), Secret.file("A"), Secret.literal("A")}) == 3
    assert Secret.literal("A") != "A"


def test_is_read_anew_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "password"
    path.write_text("old")
    from_file, from_env = Secret.file(path), Secret.env("ROTATED")
    monkeypatch.setenv("ROTATED", "old")
    assert (from_file.reveal(), from_env.reveal()) == ("old", "old")
    path.write_text("new")
    monkeypatch.setenv("ROTATED", "new")
    assert (from_file.reveal(), from_env.reveal()) == ("new", "new")


@pytest.mark.parametrize(
    ("content", "revealed"),
    [(b"a b\n", "a b"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b" a ", " a "), ("pässwörd".encode(), "pässwörd")],
)
def test_only_the_end_of_the_last_line_is_dropped(tmp_path: Path, content: bytes, revealed: str) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    assert Secret.file(path).reveal() == revealed


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    with pytest.raises(ConfigError, match=r"^environment variable NOT_THERE is not set or empty: export it"):
        Secret.env("NOT_THERE").reveal()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is not a file"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"x" * 70_000, "larger"),
    ],
)
def test_a_useless_file_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Secret.file(path).reveal()
    assert f"file {path} " in str(caught.value)
    assert says in str(caught.value)
    # A decoding error would carry the bytes of the secret into a traceback.
    assert caught.value.__context__ is None


def test_a_folder_or_a_pipe_is_not_waited_for() -> None:
    for path in ("/dev", "/dev/zero"):
        with pytest.raises(ConfigError, match="is not a file"):
            Secret.file(path).reveal()


def test_errors_are_one_line_whatever_they_quote() -> None:
    assert issubclass(ConfigError, MqcanaryError)
    error = ConnectError("a:1 says\r\nnever mind\u2028", "ask again", cause="closed")
    assert str(error) == "a:1 says never mind: ask again"
    assert (error.what, error.mend, error.cause) == ("a:1 says never mind", "ask again", "closed")
