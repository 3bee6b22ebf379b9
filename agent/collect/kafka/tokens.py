"""Bearer tokens for SASL OAUTHBEARER: given as a secret, or fetched from a token endpoint (RFC 6749, client credentials)."""

import base64
import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import quote_plus, urlencode, urlsplit

from agent.collect.kafka.cause import Cause
from agent.collect.kafka.pem import trust
from agent.errors import ConfigError, ConnectError
from agent.secret import Secret

_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750; brokers refuse anything else
_CODE: Final = re.compile(r"[a-z_]{1,40}")  # of RFC 6749; another text may quote what was sent
_URL: Final = re.compile(r"[!-~]+")
_HIDDEN: Final = re.compile(r"(?<=//)[^/?#]*@|[?#].*", re.DOTALL)
"""What may be secret in a URL: its user, and what it asks."""
_SECONDS: Final = re.compile(r"\d{1,9}(\.\d+)?", re.ASCII)
_LARGEST: Final = 1024 * 1024
_UNTOLD: Final = 60.0
"""Seconds for which a token is kept whose endpoint does not say how long it holds."""
_EARLY: Final = 60.0
"""Seconds before its end at which a token is not used any more; a fifth of a short life."""


class TokenSource(Protocol):
    """Where tokens come from."""

    @property
    def origin(self) -> str:
        """In words fit for a message, as `file /run/token`."""

    @property
    def mend(self) -> str:
        """What to check when a broker refuses a token."""

    def token(self, seconds: float) -> str:
        """One that holds now; whom it has to ask may take so long.

        Raises ConfigError for what is wrong here, ConnectError for an endpoint that can't be reached or refuses.
        """

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What it gets them with."""
        ...

    def forget(self) -> None:
        """A broker refused the last one."""


class Kept:
    """A token until shortly before its end. Any thread may ask for it or forget it at any time."""

    __slots__ = ("_clock", "_kept")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept = ("", 0.0)

    def get(self, fetch: Callable[[], tuple[str, float]]) -> str:
        """`fetch` gives a new token and for how many seconds it holds."""
        token, until = self._kept  # read once, as another thread may change it meanwhile
        if not token or self._clock() >= until:
            at = self._clock()
            token, life = fetch()
            self._kept = token, at + life - min(_EARLY, life / 5)
        return token

    def forget(self) -> None:
        self._kept = ("", 0.0)


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token that somebody else renews: read anew at every connect."""

    secret: Secret

    @property
    def origin(self) -> str:
        return self.secret.origin

    @property
    def mend(self) -> str:
        return f"renew the token ({self.origin}), and see that its audience and issuer are what the broker expects"

    def token(self, seconds: float) -> str:  # noqa: ARG002 - nobody is asked
        return _bearer(self.secret.reveal(), self.origin)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return (self.secret,)

    def forget(self) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A token endpoint that gives tokens for a client's id and secret."""

    url: str
    client_id: str
    client_secret: Secret
    scope: str = ""
    ca: str = ""
    """PEM, or its path, of who signs the endpoint's certificate; empty: the system's."""
    kept: Kept = field(default_factory=Kept, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            raise ConfigError(
                f"token endpoint {self._place} has spaces or letters that no URL has: write them as %XX, in a host as xn--"
            )
        try:
            place = urlsplit(self.url)
            _ = (place.hostname or "").encode("idna"), place.port  # as whoever connects will
        except ValueError:  # where a password has a slash, what comes before @ is taken for a host and a port
            raise ConfigError(
                f"token endpoint {self._place.rpartition('@')[2]} has a host or port that can't be:"
                " write https://HOST:PORT/PATH"
            ) from None
        local = place.hostname in {"127.0.0.1", "::1", "localhost"}
        if not place.hostname or not (place.scheme == "https" or (place.scheme == "http" and local)):
            raise ConfigError(
                f"token endpoint {self._place} is no https URL: write https://HOST/PATH, the secret goes there"
            )
        if place.username or place.password:
            raise ConfigError(f"token endpoint {self._place} has a user in its URL: set client_id and client_secret")

    @property
    def _place(self) -> str:
        """Without what may be secret in it."""
        return _HIDDEN.sub("", self.url)

    @property
    def origin(self) -> str:
        return f"{self._place} for client {self.client_id}"

    @property
    def mend(self) -> str:
        return "see that the broker trusts this endpoint, and that the scope gives the audience that it expects"

    def token(self, seconds: float) -> str:
        return self.kept.get(lambda: self._fetch(seconds))

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return (self.client_secret,)

    def forget(self) -> None:
        self.kept.forget()

    def _fetch(self, seconds: float) -> tuple[str, float]:
        end = time.monotonic() + seconds
        user, password = quote_plus(self.client_id), quote_plus(self.client_secret.reveal())
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        asked = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
        request = urllib.request.Request(  # noqa: S310 - https, or this machine, as checked above
            self.url,
            urlencode(asked).encode(),
            {"Authorization": f"Basic {basic}", "Accept": "application/json", "User-Agent": "mqcanary"},
        )
        context = ssl.create_default_context() if not self.ca else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca:
            trust(context, self.ca)
        handlers: list[urllib.request.BaseHandler] = [_Stay(), urllib.request.HTTPSHandler(context=context)]
        if self.url.startswith("http:"):
            handlers.append(urllib.request.ProxyHandler({}))  # this machine itself
        opener = urllib.request.build_opener(*handlers)
        try:
            with opener.open(request, timeout=seconds) as answer:
                told = _json(_read(answer, end))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error, end) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from None
        except ValueError:  # its own URL is checked above
            raise ConfigError(
                f"token endpoint {self._place} is behind a proxy whose URL can't be: write https_proxy=http://HOST:PORT"
            ) from None
        token = told.get("access_token")
        if not isinstance(token, str) or not token:
            raise self._error(Cause.TOKEN_UNAVAILABLE, "answered without an access_token", "is it the token endpoint?")
        life = str(told.get("expires_in"))  # some write the number as a text
        return _bearer(token, self._place), float(life) if _SECONDS.fullmatch(life) else _UNTOLD

    def _error(self, cause: Cause, what: str, mend: str) -> ConnectError:
        return ConnectError(f"token endpoint {self._place} {what}", mend, cause=cause)

    def _refused(self, answer: urllib.error.HTTPError, end: float) -> ConnectError:
        status = answer.code
        try:
            code = _json(_read(answer, end)).get("error")
        except (OSError, http.client.HTTPException):
            code = None
        said = f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""
        if code == "invalid_scope":
            mend = f"check scope {self.scope!r}" if self.scope else "set scope"
        elif status in {400, 401, 403}:
            mend = f"check client_id {self.client_id!r} and client_secret (from {self.client_secret.origin})"
        else:
            mend = "check its URL" if status < 500 else "see what is wrong there"
        cause = Cause.TOKEN_REFUSED if status in {400, 401, 403} else Cause.TOKEN_UNAVAILABLE
        return self._error(cause, f"answered HTTP {status}{said}", mend)

    def _away(self, error: Exception) -> ConnectError:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            why = reason.verify_message.rstrip(".")
            return self._error(
                Cause.TOKEN_UNAVAILABLE, f"shows a certificate that is not trusted ({why})", "set the CA that signed it"
            )
        if isinstance(reason, TimeoutError):
            return self._error(Cause.TOKEN_UNAVAILABLE, "did not answer in time", "is it reachable from here?")
        why = (
            (getattr(reason, "strerror", None) or type(reason).__name__)
            if isinstance(reason, Exception)
            else "no answer"
        )
        return self._error(
            Cause.TOKEN_UNAVAILABLE, f"can't be asked ({why})", "check its URL, and DNS and proxies here"
        )


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirection would take the secret to somebody else; it may not even be a URL."""

    def http_error_302(self, *_: object, **__: object) -> None:
        return None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _read(answer: Any, end: float) -> bytes:
    """In pieces, as the time-out of urllib is for each read: who drips would keep us for ever."""
    raw = bytearray()
    while piece := answer.read1(_LARGEST - len(raw)):
        raw += piece
        if time.monotonic() >= end:
            raise TimeoutError
    return bytes(raw)


def _json(raw: bytes) -> dict[str, Any]:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _bearer(token: str, origin: str) -> str:
    if not _BEARER.fullmatch(token):
        raise ConfigError(f"what {origin} gives is no bearer token: it has spaces, line breaks or other odd characters")
    return token


def first_message(token: str, extensions: tuple[tuple[str, str], ...]) -> bytes:
    """RFC 7628, as Kafka takes it: no authorization id."""
    pairs = "".join(f"\x01{name}={value}" for name, value in extensions)
    return f"n,,\x01auth=Bearer {token}{pairs}\x01\x01".encode()


def refusal(challenge: bytes) -> str:
    """The broker's own status for a token that it does not take, as `invalid_token`."""
    status = _json(challenge).get("status")
    return status if isinstance(status, str) and status else "no status"
