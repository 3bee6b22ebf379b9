"""GetQueueAttributes without botocore's machinery around it: it is nearly all that a look at queues asks.

A call costs a third of botocore's 1.4 ms of CPU. Only what succeeds at once comes from here; whatever else happens, botocore
is asked as well, with its retries and its names for errors.
"""

import hashlib
import hmac
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

_TARGET = "AmazonSQS.GetQueueAttributes"
_TYPE = "application/x-amz-json-1.0"


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
        self._path, self._host = place.path or "/", place.netloc
        self._region, self._credentials, self._timeouts = region, credentials, timeouts
        self._link: http.client.HTTPConnection = (
            http.client.HTTPConnection(place.netloc, timeout=timeouts[0])
            if context is None
            else http.client.HTTPSConnection(place.netloc, timeout=timeouts[0], context=context)
        )

    def attributes(self, url: str) -> Mapping[str, str] | None:
        """All attributes of the queue; None if botocore has to be asked. Never raises for what is outside."""
        body = json.dumps({"QueueUrl": url, "AttributeNames": ["All"]}).encode()
        kept = self._open
        try:
            return self._ask(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            # A connection that was kept may have been closed by the other side meanwhile.
            if not kept or isinstance(error, TimeoutError):
                return None
        try:
            return self._ask(body)
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return None

    def _ask(self, body: bytes) -> Mapping[str, str] | None:
        if not self._open:
            self._link.connect()
            self._link.sock.settimeout(self._timeouts[1])
        head = self._head(body, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
        self._link.sock.sendall(head.encode("latin-1") + body)
        answer = http.client.HTTPResponse(self._link.sock, method="POST")
        answer.begin()
        text = answer.read()
        if answer.will_close:
            self.close()
        if answer.status != http.HTTPStatus.OK or "json" not in answer.headers.get("content-type", ""):
            return None
        found = json.loads(text).get("Attributes")
        return found if isinstance(found, dict) else None

    def _head(self, body: bytes, at: str) -> str:
        keys = self._credentials()
        headers = {"content-type": _TYPE, "host": self._host, "x-amz-date": at}
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        headers["x-amz-target"] = _TARGET  # in the order of the alphabet, as they are signed
        signed = signature(headers, self._path, body, self._region, keys.access_key, keys.secret_key)
        lines = {**headers, "authorization": signed, "user-agent": "mqcanary", "content-length": str(len(body))}
        return (
            f"POST {self._path} HTTP/1.1\r\n"
            + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            + "\r\n"
        )

    @property
    def _open(self) -> bool:
        return self._link.sock is not None

    def close(self) -> None:
        self._link.close()

    __del__ = close


def signature(headers: Mapping[str, str], path: str, body: bytes, region: str, key: str, secret: str) -> str:
    """The Authorization of a POST to SQS (AWS Signature Version 4); `headers` in the order of the alphabet."""
    at, names = headers["x-amz-date"], ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n{path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{at[:8]}/{region}/sqs/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signing = f"AWS4{secret}".encode()
    for part in (at[:8], region, "sqs", "aws4_request", text):
        signing = hmac.digest(signing, part.encode(), "sha256")
    return f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signing.hex()}"
