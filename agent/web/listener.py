"""Flask on cheroot's threads: started and stopped without ever waiting for a client."""

import logging
import os
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from cheroot.errors import FatalSSLAlert
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server
from flask import Flask

from agent.errors import ConfigError
from agent.secret import Secret

STOP = 0.9
"""Seconds that `stop` takes at most."""

_CLIENTS = (ssl.SSLError, ConnectionError, TimeoutError)
"""What is raised over a client that speaks no TLS, goes away or says nothing; the pages' own errors never come so far."""

log = structlog.get_logger("web")


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """Where and how to listen."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any free one."""
    certificate: Path | None = None
    """PEM, with the chain; TLS where it is set."""
    key: Path | None = None
    """PEM; None: in the file of the certificate."""
    threads: int = field(default=10, kw_only=True)
    """Requests at the same time; a client that stops reading holds one until it times out."""
    timeout: float = field(default=10.0, kw_only=True)
    """Seconds for which a client may neither read nor write."""


class _Server(Server):
    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """As cheroot's own, which leaves the socket open where it can't be bound."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """What clients do wrong is nobody's business, what we do wrong is."""
        if level >= logging.ERROR and not isinstance(sys.exception(), _CLIENTS):
            log.error("listener", detail=msg, exc_info=traceback)


class Listener:
    """Serves between `start()` and `stop()`; all of its threads are daemons, so that none keeps the process alive.

    `secrets` are looked at before it listens: one that can't be read is told at once.
    """

    def __init__(self, name: str, app: Flask, options: ListenOptions, secrets: Sequence[Secret] = ()) -> None:
        self._name, self._options, self._secrets = name, options, secrets
        self._server = _Server((options.host, options.port), app, numthreads=options.threads, server_name="mqcanary")
        self._server.timeout = options.timeout
        self._server.expiration_interval = 5.0  # it wakes so often for nothing; stop() wakes it by itself
        self._port = options.port

    @property
    def port(self) -> int:
        """The one that is listened on; of a free one known after `start()`."""
        return self._port

    @property
    def url(self) -> str:
        scheme = "https" if self._options.certificate else "http"
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        return f"{scheme}://{host}:{self._port}/"

    def start(self) -> None:
        """Listens when it returns.

        Raises:
            ConfigError: the address can't be listened on, or the certificate or a token can't be used.
        """
        for secret in self._secrets:
            secret.reveal()
        if self._options.certificate is not None:
            self._server.ssl_adapter = _tls(self._options.certificate, self._options.key)
        failed: list[Exception] = []

        def listen() -> None:
            try:
                self._server.prepare()
            except Exception as error:  # noqa: BLE001 - raised again where it was asked for
                failed.append(error)

        # Its workers are daemons if the thread that starts them is one.
        thread = threading.Thread(target=listen, name=f"{self._name} listens", daemon=True)
        thread.start()
        thread.join()
        if failed:
            raise self._refused(failed[0])
        self._port = self._server.bind_addr[1]
        threading.Thread(target=self._server.serve, name=self._name, daemon=True).start()

    def stop(self) -> None:
        """No longer listens when it returns, within a second. Requests that are quick are answered, others given up."""
        stop_all([self])

    def ends(self) -> threading.Thread:
        """Begins to stop; what it returns is alive until it has."""
        # cheroot closes its listener and then joins its workers without a limit: it is left alone with that.
        thread = threading.Thread(target=self._server.stop, name=f"{self._name} stops", daemon=True)
        thread.start()
        return thread

    def wake(self) -> None:
        """The loop of cheroot sees that it should stop when a connection comes."""
        with suppress(OSError), socket.create_connection((self._options.host, self._port), 0.1):
            pass

    def _refused(self, error: Exception) -> Exception:
        if not isinstance(error, OSError):
            return error
        # cheroot tells what the system said within a sentence of its own
        number = re.search(r"\[Errno (\d+)\]", str(error))
        why = os.strerror(int(number[1])) if number else str(error)
        place = f"{self._options.host}:{self._options.port}"
        return ConfigError(f"cannot listen on {place} ({why}): write another address or port, or stop what has it")


def stop_all(listeners: Sequence[Listener]) -> None:
    """Stops them all at the same time, within a second."""
    ending = [(listener, listener.ends()) for listener in listeners]
    end = time.monotonic() + STOP
    while (left := [pair for pair in ending if pair[1].is_alive()]) and time.monotonic() < end:
        for listener, _ in left:
            listener.wake()
        left[0][1].join(0.05)


class _Tls(BuiltinSSLAdapter):
    """Shakes hands in the worker: in cheroot's own loop a client that says nothing would hold up everybody else."""

    def wrap(self, sock: Any) -> tuple[ssl.SSLSocket, dict[str, Any]]:
        try:
            wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError as error:  # it has gone already
            raise FatalSSLAlert(str(error)) from error
        return wrapped, {"wsgi.url_scheme": "https", "HTTPS": "on"}


def _tls(certificate: Path, key: Path | None) -> _Tls:
    for path in (certificate, key or certificate):
        if not path.is_file():
            raise ConfigError(f"{path} is not a file: mount the certificate or key there, or name another path")
    try:
        # without a password it would ask for one on the terminal
        return _Tls(str(certificate), str(key or certificate), private_key_password="-")  # noqa: S106 - as above
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(
            f"certificate {certificate} cannot be used with key {key or certificate} ({told}): "
            "both have to be PEM, without a password, and belong together"
        ) from None
