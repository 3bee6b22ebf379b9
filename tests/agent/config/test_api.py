"""The section `api:`: off unless it is written, and never without a token."""

from pathlib import Path
from typing import Any

import pytest

from agent.config import Config, load
from agent.errors import ConfigFileError

HEAD = "kafka: [{bootstrap: k:1}]\n"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reader(text: str) -> Config:
        path = tmp_path / "mqcanary.yaml"
        path.write_text(HEAD + text, encoding="utf-8")
        return load(path)

    return reader


def test_off_unless_written(read: Any) -> None:
    assert read("").running.api is None


def test_written(read: Any, tmp_path: Path) -> None:
    api = read("api: {address: 0.0.0.0:9190, operate_token: {file: op}, certificate: c.pem, key: k.pem}").running.api
    assert api.address == ("0.0.0.0", 9190)  # noqa: S104 - as it is written
    assert api.operate_token.origin == f"file {tmp_path / 'op'}"
    assert (api.read_token, api.certificate, api.key) == (None, tmp_path / "c.pem", tmp_path / "k.pem")
    assert read("api: {read_token: ${MQ}}").running.api.address == ("127.0.0.1", 9189)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{address: 127.0.0.1:9189}", "api: nobody could use it; write operate_token: {file: operate-token}, or read_token"),
        ("{read_token: s3cret, operate_token: s3cret}", "api: whoever may read could operate too; write another read_token, or none"),
        ("{read_token: s3cret, certificate: c.pem}", "api: a certificate and its key belong together; write both"),
        ("{read_token: s3cret, address: 9189}", 'api.address: "9189" is not HOST:PORT; write 127.0.0.1:9188'),
        ("{read_tokn: s3cret}", 'api.read_tokn: unknown key; did you mean "read_token"?'),
    ],
)  # fmt: skip
def test_mistakes(read: Any, text: str, expected: str) -> None:
    with pytest.raises(ConfigFileError) as caught:
        read(f"api: {text}")
    (line,) = caught.value.lines
    assert line.endswith(f"mqcanary.yaml:2: {expected}")
    assert "s3cret" not in line


def test_repetition_that_is_off_stays_off_without_a_destination(read: Any) -> None:
    assert read("route: {repeat: off}").running.policy.route.repeat == {}
