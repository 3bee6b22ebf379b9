"""The door of an agent elsewhere: its API over HTTP."""

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from agent.config.section import url as read_url
from agent.door.door import Answer, Shown, What
from agent.errors import AskError, ConfigError, ConnectError
from agent.secret import Secret

TIMEOUT = 30.0
"""Seconds; the agent itself waits up to a third of that for what was asked to be done."""
LARGEST = 64 * 1024 * 1024

_ADDRESS = "name the address that stands under api: in the agent's configuration"
_MENDS: Mapping[int, str] = {
    401: "give a token of its configuration (--token-file)",
    403: "give its operate token (--token-file)",
}


class _Stays(urllib.request.HTTPRedirectHandler):
    """Follows nowhere: the token is for one agent alone."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


class RemoteDoor:
    """`url` is that of the API, `token` a bearer token, read again for each request.

    Raises:
        ConfigError: it is no URL.
    """

    def __init__(self, url: str, token: Secret) -> None:
        try:
            self._url = read_url(url).rstrip("/")
        except ValueError:
            # not quoted: a password may be in it
            mend = "write https://mqcanary.example:9189, without user or password"
            raise ConfigError(f"--url: what is given is not a URL: {mend}") from None
        self._token = token
        self._opener = urllib.request.build_opener(_Stays)

    def show(self, what: What) -> Shown:
        answer = self._call(f"/v1/{what}")
        rows, at = answer.get(what), answer.get("at")
        if not isinstance(rows, list) or not isinstance(at, int | float):
            raise self._strange()
        return Shown(at, rows)

    def ask(self, wish: Mapping[str, object]) -> Answer:
        answer = self._call("/v1/commands", json.dumps(wish).encode())
        if not isinstance(answer.get("told"), str):
            raise self._strange()
        return Answer(
            answer["told"], bool(answer.get("done")), bool(answer.get("well", True)), str(answer.get("id", ""))
        )

    def _call(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._revealed()}", "Content-Type": "application/json"}
        try:
            request = urllib.request.Request(self._url + path, body, headers)  # noqa: S310 - the user's own URL
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return self._read(answer.read(LARGEST))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error.code, error.read(LARGEST)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
            raise ConnectError(f"{self._url} does not answer ({why})", _ADDRESS, cause="unreachable") from None

    def _revealed(self) -> str:
        token = self._token.reveal()
        # http.client would quote the whole of it
        if not re.fullmatch(r"[!-~]+", token):
            raise ConfigError(f"{self._token.origin} is no token: it has blanks, or characters that are not ASCII")
        return token

    def _read(self, body: bytes) -> dict[str, Any]:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self._strange()
        return document

    def _refused(self, code: int, body: bytes) -> Exception:
        try:
            told = self._read(body)
        except ConnectError as error:
            return error
        text, key = str(told.get("error", f"status {code}")), told.get("key")
        if isinstance(key, str):
            return AskError(key, text, unknown=code == http.HTTPStatus.NOT_FOUND)
        mend = _MENDS.get(code, "its log says more")
        return ConnectError(f"{self._url} says: {text}", mend, cause="denied" if code in _MENDS else "refused")

    def _strange(self) -> ConnectError:
        return ConnectError(f"{self._url} answers, but not as an agent's API does", _ADDRESS, cause="protocol")
