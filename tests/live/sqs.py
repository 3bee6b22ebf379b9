"""A local SQS (with SNS, CloudWatch, Lambda and IAM): moto's server in a process of its own, with none of its imports in ours."""

import contextlib
import http.client
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from tests.live.process import Process, free_port, until

REGION = "eu-central-1"
ACCOUNT = "123456789012"  # moto's
_KEEP_ALIVE = """
import sys
from cheroot.wsgi import Server
from moto.server import DomainDispatcherApplication, create_backend_app
Server(("127.0.0.1", int(sys.argv[-1])), DomainDispatcherApplication(create_backend_app)).start()
"""


class SqsServer:
    """Runs for the time of a `with` block.

    `unchecked_calls`: after so many calls moto enforces IAM (a user and a policy can be made before); None: never.
    `keep_alive`: connections stay open after an answer, as with AWS; moto's server closes each by itself.
    """

    def __init__(self, *, unchecked_calls: int | None = None, keep_alive: bool = False) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._unchecked = unchecked_calls
        self._start = _KEEP_ALIVE if keep_alive else "from moto.server import main; main()"
        self._process: Process | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="mqcanary-sqs-")
        self._clients: list[Any] = []

    def client(self, service: str = "sqs", *, region: str = REGION, key: str = "test", secret: str = "") -> Any:
        """A boto3 client of this server; it fails at once, without boto's retries, and is closed with the server."""
        made = boto3.session.Session().client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=key,
            aws_secret_access_key=secret or "test",
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20),
        )
        self._clients.append(made)
        return made

    def reset(self) -> None:
        """Every account and queue is gone."""
        self._call("POST", "reset")

    def enforce_iam(self, after_calls: int | None = 0) -> None:
        """From so many calls on moto refuses what no policy allows; None: it stops refusing."""
        self._call("POST", "reset-auth", "inf" if after_calls is None else str(after_calls))

    def start(self) -> Self:
        log = Path(self._folder.name) / "moto.log"
        env = {} if self._unchecked is None else {"INITIAL_NO_AUTH_ACTION_COUNT": str(self._unchecked)}
        argv = [sys.executable, "-c", self._start, "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = Process("moto", argv, log, env)
        try:
            until(self._answers, f"moto answers on {self.url}")
        except BaseException as failure:
            failure.add_note(self._process.tail())
            self.stop()
            raise
        return self

    def stop(self) -> None:
        for made in self._clients:
            made.close()
        self._clients.clear()
        if self._process:
            self._process.stop(grace=3)
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        assert self._process is not None
        self._process.check()
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._call("GET", "data.json")
            return True
        return False

    def _call(self, method: str, path: str, body: str = "") -> None:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(link):
            link.request(method, f"/moto-api/{path}", body=body)
            answer = link.getresponse()
            if answer.status != http.HTTPStatus.OK:
                raise http.client.HTTPException(f"moto answers {answer.status} to {path}: {answer.read()[:500]!r}")
