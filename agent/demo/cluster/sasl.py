"""SASL from the server's side, one object per connection: PLAIN, SCRAM and OAUTHBEARER."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from kafka.protocol.sasl import SaslAuthenticateResponse, SaslHandshakeResponse

from agent.demo.cluster.handlers.call import (
    ILLEGAL_SASL_STATE,
    NONE,
    SASL_AUTHENTICATION_FAILED,
    UNSUPPORTED_SASL_MECHANISM,
)
from agent.demo.cluster.model import Model

_HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
_ITERATIONS = 4096


class _RefusedError(Exception):
    """The words are what the real broker says."""


class Authentication:
    """`principal` is None until the connection has proved who it is; `failed` when it never will: then close it."""

    def __init__(self, model: Model, *, refuses: bool = False) -> None:
        self._model = model
        self._refuses = refuses
        self.mechanism: str | None = None
        self._scram: _Scram | None = None
        self._bearer_refused = False
        self.principal: str | None = None
        self.failed = False

    def handshake(self, mechanism: str) -> Any:
        offered = list(self._model.mechanisms)
        if mechanism not in offered:
            self.failed = True
            return SaslHandshakeResponse(error_code=UNSUPPORTED_SASL_MECHANISM, mechanisms=offered)
        self.mechanism = mechanism
        return SaslHandshakeResponse(error_code=NONE, mechanisms=offered)

    def authenticate(self, token: bytes) -> Any:
        if self.mechanism is None:
            self.failed = True
            return _refusal(ILLEGAL_SASL_STATE, "SaslHandshake must come first")
        if self._refuses:
            self.failed = True
            return _refusal(SASL_AUTHENTICATION_FAILED, "Authentication failed: Invalid username or password")
        try:
            if self.mechanism == "PLAIN":
                answer = self._plain(token)
            elif self.mechanism == "OAUTHBEARER":
                answer = self._bearer(token)
            else:
                answer = self._scram_step(self.mechanism, token)
        except (_RefusedError, ValueError, KeyError) as error:
            self.failed = True
            words = str(error) if isinstance(error, _RefusedError) else "Authentication failed: Malformed message"
            return _refusal(SASL_AUTHENTICATION_FAILED, words)
        return SaslAuthenticateResponse(error_code=NONE, error_message=None, auth_bytes=answer, session_lifetime_ms=0)

    def _plain(self, token: bytes) -> bytes:
        _, user, password = token.decode().split("\0")
        if self._model.users.get(user) != password:
            raise _RefusedError("Authentication failed: Invalid username or password")
        self.principal = user
        return b""

    def _bearer(self, said: bytes) -> bytes:
        """RFC 7628: what a user has as password is its token. A refusal is told as JSON first, and ends when it was acknowledged."""
        if self._bearer_refused:
            raise _RefusedError('{"status":"invalid_token"}')
        header, auth, *_ = said.decode().split("\x01")
        scheme, _, given = auth.removeprefix("auth=").partition(" ")
        if not header.startswith("n,") or scheme.lower() != "bearer" or not said.endswith(b"\x01\x01"):
            raise ValueError(auth)
        user = next((name for name, token in self._model.users.items() if token == given), None)
        if user is None:
            self._bearer_refused = True
            return b'{"status":"invalid_token"}'
        self.principal = user
        return b""

    def _scram_step(self, mechanism: str, token: bytes) -> bytes:
        if self._scram is None:
            self._scram = _Scram(_HASHES[mechanism], self._model.users, token.decode())
            return self._scram.challenge.encode()
        answer = self._scram.verdict(token.decode())
        self.principal = self._scram.user
        return answer


def _refusal(error: int, words: str) -> Any:
    return SaslAuthenticateResponse(error_code=error, error_message=words, auth_bytes=b"", session_lifetime_ms=0)


def user_in(mechanism: str | None, token: bytes) -> str:
    """The name in a first SASL message, for the record of requests, which holds no secret; empty if there is none."""
    text = token.decode(errors="replace")
    if mechanism == "PLAIN":
        return text.split("\0")[1] if text.count("\0") == 2 else ""
    return text[5:].partition(",")[0] if text.startswith("n,,n=") else ""


class _Scram:
    """RFC 5802, the server's half. The salt and the nonce are derived, not random: this keeps nobody's secrets."""

    def __init__(self, algorithm: str, users: Mapping[str, str], first: str) -> None:
        _, _, bare = first.split(",", 2)
        fields = _fields(bare)
        self.user = fields["n"]
        self._algorithm = algorithm
        self._password = users.get(self.user)
        self._salt = hashlib.sha256(self.user.encode()).digest()[:16]
        self._nonce = fields["r"] + hashlib.sha256(fields["r"].encode()).hexdigest()[:16]
        self.challenge = f"r={self._nonce},s={b64encode(self._salt).decode()},i={_ITERATIONS}"
        self._said = f"{bare},{self.challenge}"

    def verdict(self, final: str) -> bytes:
        without_proof, _, proof = final.rpartition(",p=")
        if self._password is None or _fields(without_proof)["r"] != self._nonce:
            raise _RefusedError(
                "Authentication failed during authentication due to invalid credentials with SASL mechanism"
            )
        salted = hashlib.pbkdf2_hmac(self._algorithm, self._password.encode(), self._salt, _ITERATIONS)
        stored = hashlib.new(self._algorithm, self._hmac(salted, b"Client Key")).digest()
        said = f"{self._said},{without_proof}".encode()
        signature = self._hmac(stored, said)
        key = bytes(a ^ b for a, b in zip(b64decode(proof), signature, strict=True))
        if hashlib.new(self._algorithm, key).digest() != stored:
            raise _RefusedError(
                "Authentication failed during authentication due to invalid credentials with SASL mechanism"
            )
        return b"v=" + b64encode(self._hmac(self._hmac(salted, b"Server Key"), said))

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.new(key, message, self._algorithm).digest()


def _fields(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(","))
