"""GetQueueAttributes and ListQueues without botocore's machinery around them: they are nearly all that a look at queues asks.

A call costs a quarter of botocore's CPU. Only what succeeds at once comes from here, in the simplest form of HTTP; whatever
else happens, botocore is asked as well, with its retries and its names for errors.
"""

import hashlib
import hmac
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

_TYPE = "application/x-amz-json-1.0"
_FINE = re.compile(rb"HTTP/1\.[01] 200 ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,7})\r\n", re.IGNORECASE)
_JSON = re.compile(rb"\r\ncontent-type: *application/[a-z0-9.-]*json", re.IGNORECASE)
_CLOSE = re.compile(rb"HTTP/1\.0|.*\r\nconnection: *close", re.IGNORECASE | re.DOTALL)


class Direct:
    """One connection to the SQS of a region, for one thread at a time; it is kept from call to call.

    `credentials` gives botocore's frozen ones, as they are at the moment. `timeouts` in seconds: to connect, and to read.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Callable[[], Any],
        context: ssl.SSLContext | None,
        timeouts: tuple[float, float],
    ) -> None:
        place = urlsplit(endpoint)
        self._path, self._netloc = place.path or "/", place.netloc
        self._address = place.hostname or "", place.port or (443 if context else 80)
        self._region, self._credentials, self._context, self._timeouts = region, credentials, context, timeouts
        self._sock: socket.socket | None = None

    def attributes(self, url: str) -> Mapping[str, str] | None:
        """All attributes of the queue; None if botocore has to be asked. Never raises for what is outside."""
        told = self._told("GetQueueAttributes", {"QueueUrl": url, "AttributeNames": ["All"]})
        found = told.get("Attributes") if told is not None else None
        return found if isinstance(found, dict) else None

    def queues(self, prefix: str, page: int) -> list[list[str]] | None:
        """The addresses of all queues whose names begin so, in pages as they were answered; None as above."""
        pages: list[list[str]] = []
        asked: dict[str, object] = {"QueueNamePrefix": prefix, "MaxResults": page}
        while (told := self._told("ListQueues", asked)) is not None:
            pages.append(told.get("QueueUrls") or [])
            following = told.get("NextToken")
            if not following:
                return pages
            if following == asked.get("NextToken"):
                return None  # it would go on for ever
            asked["NextToken"] = following
        return None

    def _told(self, operation: str, asked: Mapping[str, object]) -> dict[str, Any] | None:
        body = json.dumps(asked).encode()
        kept = self._sock is not None
        try:
            return self._ask(operation, body)
        except (OSError, ValueError) as error:
            self.close()
            # A connection that was kept may have been closed by the other side meanwhile.
            if not kept or isinstance(error, TimeoutError):
                return None
        try:
            return self._ask(operation, body)
        except (OSError, ValueError):
            self.close()
            return None

    def _ask(self, operation: str, body: bytes) -> dict[str, Any] | None:
        """
        Raises:
            OSError: it could not be asked, or the other side closed.
            ValueError: the answer is not one in the simplest form.
        """
        sock = self._sock or self._connected()
        sock.sendall(self._head(operation, body, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())) + body)
        head, text = _answer(sock)
        if _CLOSE.match(head):
            self.close()
        if not _FINE.match(head) or not _JSON.search(head):
            return None
        told = json.loads(text)
        return told if isinstance(told, dict) else None

    def _connected(self) -> socket.socket:
        sock = socket.create_connection(self._address, self._timeouts[0])
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_hostname=self._address[0])
            sock.settimeout(self._timeouts[1])
        except BaseException:
            sock.close()
            raise
        self._sock = sock
        return sock

    def _head(self, operation: str, body: bytes, at: str) -> bytes:
        keys = self._credentials()
        headers = {"content-type": _TYPE, "host": self._netloc, "x-amz-date": at}
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        headers["x-amz-target"] = f"AmazonSQS.{operation}"  # in the order of the alphabet, as they are signed
        signed = signature(headers, self._path, body, self._region, keys.access_key, keys.secret_key)
        lines = {**headers, "authorization": signed, "user-agent": "mqcanary", "content-length": str(len(body))}
        written = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST {self._path} HTTP/1.1\r\n{written}\r\n".encode("latin-1")

    def close(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            with suppress(OSError):
                sock.close()

    __del__ = close


def _answer(sock: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of an answer that says how long it is; all others are botocore's.

    Raises:
        OSError: the other side closed, or said nothing for too long.
        ValueError: it does not say how long it is, or says more.
    """
    told = bytearray()
    while (end := told.find(b"\r\n\r\n")) < 0:
        _more(sock, told)
    head = bytes(told[: end + 2])
    length = _LENGTH.search(head)
    if length is None:
        raise ValueError("no length")
    whole = end + 4 + int(length[1])
    while len(told) < whole:
        _more(sock, told)
    if len(told) > whole:
        raise ValueError("more than one answer")
    return head, bytes(told[end + 4 :])


def _more(sock: socket.socket, told: bytearray) -> None:
    piece = sock.recv(65536)
    if not piece:
        raise ConnectionError("closed")
    told += piece
    if len(told) > 1 << 22:
        raise ValueError("no end")


def signature(headers: Mapping[str, str], path: str, body: bytes, region: str, key: str, secret: str) -> str:
    """The Authorization of a POST to SQS (AWS Signature Version 4); `headers` in the order of the alphabet."""
    at, names = headers["x-amz-date"], ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n{path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{at[:8]}/{region}/sqs/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signed = hmac.digest(_signing(secret, at[:8], region), text.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signed}"


@lru_cache(maxsize=64)
def _signing(secret: str, day: str, region: str) -> bytes:
    """The key with which all requests of one day are signed."""
    signing = f"AWS4{secret}".encode()
    for part in (day, region, "sqs", "aws4_request"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    return signing
