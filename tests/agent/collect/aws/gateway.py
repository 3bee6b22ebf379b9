"""A door before the local SQS server: it writes down what is asked, and answers otherwise where a test says so."""

import http.client
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl

Answer = tuple[int, bytes]
Hook = Callable[["Call", Callable[[], Answer]], Answer]
"""What to answer to a call; its second argument asks the server behind."""


@dataclass(frozen=True)
class Call:
    """`key` is the access key that signed it; `fields` as AWS names them; `agent` is how the caller calls itself."""

    operation: str
    key: str
    fields: Mapping[str, Any]
    agent: str = ""


class Gateway:
    """Passes everything on to `port`, unless there is a hook for the operation."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.calls: list[Call] = []
        self.hooks: dict[str, Hook] = {}
        self.content_type = "application/x-amz-json-1.0"
        self.over = threading.Event()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                super().setup()
                gateway._open.append(self.connection)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                call = _call(self.headers, body)
                gateway.calls.append(call)

                def behind() -> Answer:
                    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                    try:
                        link.request("POST", self.path, body, dict(self.headers))
                        answer = link.getresponse()
                        return answer.status, answer.read()
                    finally:
                        link.close()

                hook = gateway.hooks.get(call.operation)
                status, answer = hook(call, behind) if hook else behind()
                if not gateway.over.is_set():
                    self.send_response(status)
                    self.send_header("Content-Type", gateway.content_type)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._open: list[socket.socket] = []
        self._handler, self._scheme = Handler, "https" if tls else "http"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def operations(self) -> set[str]:
        return {call.operation for call in self.calls}

    def asked(self, operation: str) -> list[Call]:
        return [call for call in self.calls if call.operation == operation]

    def stall(self, call: Call, _: Callable[[], Answer]) -> Answer:
        """A hook that answers when the test is over."""
        self.over.wait()
        return 200, b""

    def keep_alive(self) -> None:
        """Connections stay open after an answer, as with AWS."""
        self._handler.protocol_version = "HTTP/1.1"

    def cut(self) -> None:
        """Closes every connection, as AWS does with those that were idle."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.cut()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _call(headers: Mapping[str, str], body: bytes) -> Call:
    signed = re.search(r"Credential=([^/]+)/", headers.get("Authorization", ""))
    target = headers.get("X-Amz-Target", "")
    fields = json.loads(body) if target else dict(parse_qsl(body.decode()))
    name, agent = target.rpartition(".")[2] or fields["Action"], headers.get("User-Agent", "")
    return Call(name, signed[1] if signed else "", fields, agent)


def refuse(code: str, status: int = 403) -> Hook:
    """A hook that answers with an error of AWS, in SQS's form."""
    body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "no"}).encode()
    return lambda call, _: (status, body)


def refuse_xml(code: str, status: int = 403) -> Hook:
    """The same in STS's form."""
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error>"
    body = f"<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>".encode()
    return lambda call, _: (status, body)


def attributes(changed: Mapping[str, Mapping[str, str]]) -> Hook:
    """A hook for GetQueueAttributes: what the queues of these names have instead."""

    def hook(call: Call, behind: Callable[[], Answer]) -> Answer:
        status, body = behind()
        told = json.loads(body)
        told["Attributes"].update(changed.get(call.fields["QueueUrl"].rpartition("/")[2], {}))
        return status, json.dumps(told).encode()

    return hook
