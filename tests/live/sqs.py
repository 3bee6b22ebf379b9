"""A local SQS (with SNS, CloudWatch, Lambda and IAM): moto's server in a process of its own, with none of its imports in ours."""

import http.client
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from tests.live.process import Process, free_port, until

REGION = "eu-central-1"
ACCOUNT = "123456789012"  # moto's


class SqsServer:
    """Runs for the time of a `with` block.

    `unchecked_calls`: after so many calls moto enforces IAM (a user and a policy can be made before); None: never.
    """

    def __init__(self, *, unchecked_calls: int | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._unchecked = unchecked_calls
        self._process: Process | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="mqcanary-sqs-")
        self._clients: list[Any] = []

    def client(self, service: str = "sqs", *, region: str = REGION, key: str = "test", secret: str = "test") -> Any:
        """A boto3 client of this server; it fails at once, without boto's retries, and is closed with the server."""
        made = boto3.session.Session().client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20),
        )
        self._clients.append(made)
        return made

    def reset(self) -> None:
        """Every account and queue is gone."""
        self._post("reset")

    def enforce_iam(self, after_calls: int | None = 0) -> None:
        """From so many calls on moto refuses what no policy allows; None: it stops refusing."""
        self._post("reset-auth", "inf" if after_calls is None else str(after_calls))

    def start(self) -> Self:
        log = Path(self._folder.name) / "moto.log"
        env = {} if self._unchecked is None else {"INITIAL_NO_AUTH_ACTION_COUNT": str(self._unchecked)}
        argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
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
        try:
            with urllib.request.urlopen(f"{self.url}/moto-api/data.json", timeout=5) as answer:
                return bool(answer.status == http.HTTPStatus.OK)
        except (urllib.error.URLError, http.client.HTTPException, OSError):
            return False

    def _post(self, path: str, body: str = "") -> None:
        request = urllib.request.Request(f"{self.url}/moto-api/{path}", data=body.encode(), method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            answer.read()
