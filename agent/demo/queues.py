"""The demo's queues: moto's SQS server, and the workers that send to it and receive from it."""

import json
import logging
import threading
from typing import Any, Self

REGION = "us-east-1"
_QUEUES = ("emails", "invoices")
_RECEIVES = 3
_DAY = 86_400
_ACCOUNT = "123456789012"
"""moto's own."""


class QueueServer:
    """moto's server on a free port of 127.0.0.1, in a thread that ends with the process."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app  # noqa: PLC0415 - an extra
        from werkzeug.serving import make_server  # noqa: PLC0415 - comes with it

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # or it names every request
        server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
        self.url = f"http://127.0.0.1:{server.port}"
        threading.Thread(target=server.serve_forever, name="sqs", daemon=True).start()


class Workers:
    """One worker for each queue: sends a message every two seconds of the story, receives, and deletes what it has done."""

    def __init__(self, url: str, pace: float = 1.0) -> None:
        import boto3  # noqa: PLC0415 - slow to load

        self._sqs: Any = boto3.client("sqs", region_name=REGION, endpoint_url=url)
        self._pace = pace
        self._urls: dict[str, str] = {}
        self._failing: set[str] = set()
        self._moving: set[str] = set()
        for name in _QUEUES:
            dead = self._make(f"{name}-dlq", MessageRetentionPeriod=str(14 * _DAY))
            redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": str(_RECEIVES)})
            self._make(name, MessageRetentionPeriod=str(7 * _DAY), RedrivePolicy=redrive)

    def start(self) -> Self:
        threading.Thread(target=self._run, name="workers", daemon=True).start()
        return self

    # ── what the story does ──

    def fail(self, queue: str) -> None:
        """Its worker fails at every message."""
        self._failing.add(queue)

    def mend(self, queue: str) -> None:
        """Its worker works again, and its dead letters are moved back."""
        self._failing.discard(queue)
        self._moving.add(queue)

    # ── what goes on by itself ──

    def _make(self, name: str, **attributes: str) -> str:
        """A queue that takes requests over TLS alone, as a sound one does (moto minds no policy). Returns its ARN."""
        arn = f"arn:aws:sqs:{REGION}:{_ACCOUNT}:{name}"
        refuse = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [refuse]})
        made = self._sqs.create_queue(QueueName=name, Attributes={**attributes, "Policy": policy})
        self._urls[name] = made["QueueUrl"]
        return arn

    def _run(self) -> None:
        pause = threading.Event()  # never set: it only paces
        while not pause.wait(2.0 * self._pace):
            for name in _QUEUES:
                self._sqs.send_message(QueueUrl=self._urls[name], MessageBody="{}")
                if name in self._moving:
                    self._move(self._urls[f"{name}-dlq"], self._urls[name])
                    self._moving.discard(name)
                for _ in range(_RECEIVES + 1):
                    self._work(name)

    def _work(self, name: str) -> None:
        url = self._urls[name]
        for message in self._received(url, VisibilityTimeout=0):  # what it fails at it takes again at once
            if name not in self._failing:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _move(self, source: str, to: str) -> None:
        while messages := self._received(source, VisibilityTimeout=60):
            for message in messages:
                self._sqs.send_message(QueueUrl=to, MessageBody=message["Body"])
                self._sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])

    def _received(self, url: str, **how: int) -> list[Any]:
        return list(self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **how).get("Messages", ()))
