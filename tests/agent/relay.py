"""What lies between a client and a server, and may fall silent: a host that lost its power, a firewall that forgot."""

import select
import socket
import threading
from types import TracebackType
from typing import Self


class Relay:
    """Listens on `port` and passes on what comes to and from `to`, both on 127.0.0.1.

    Once silent it passes nothing more in either direction, no end of a connection either, and closes nothing. New connections are
    made all the same, as the system's queue makes them, and nobody reads there.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.late = 0
        """Bytes of answers that were passed on after a silence, to whoever was connected before its end."""
        self._wake, self._woken = socket.socketpair()
        self._lock = threading.Lock()
        self._left: int | None = None
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        self._held: list[tuple[socket.socket, bytes]] = []
        self._patient: set[socket.socket] = set()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        self._over = True
        self._wake.send(b"x")
        self._thread.join()
        for sock in (*self._pairs, self._listener, self._wake, self._woken):
            sock.close()

    def fall_silent(self, after: int = 0) -> None:
        """After so many bytes more of the answers."""
        with self._lock:
            self._left = after
        self._wake.send(b"x")

    def go_on(self) -> None:
        """With what was held back, first of all."""
        with self._lock:
            self._left = None
            self._patient = set(self._clients)
        self._wake.send(b"x")

    def _run(self) -> None:
        while not self._over:
            silent = self._left == 0
            ready, _, _ = select.select([self._woken, *(() if silent else (self._listener, *self._pairs))], [], [])
            if self._woken in ready:
                self._woken.recv(64)
                ready = []  # whether it is silent is asked first
            if self._left is None:
                for sock, data in self._held:
                    self._pass(sock, data)
                self._held.clear()
            for sock in sorted(ready, key=self._clients.__contains__):  # answers first: who asked may have gone
                if sock is self._listener:
                    self._accept()
                elif sock in self._pairs:
                    self._forward(sock)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._to))
        self._pairs |= {client: server, server: client}
        self._clients.add(client)

    def _forward(self, sock: socket.socket) -> None:
        to = self._pairs[sock]
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._end(sock)
            return
        if to in self._clients:
            with self._lock:
                if self._left is not None:
                    self._held.append((to, data[self._left :]))
                    data = data[: self._left]
                    self._left -= len(data)
        self._pass(to, data)

    def _pass(self, to: socket.socket, data: bytes) -> None:
        if to not in self._pairs:
            return
        if to in self._patient:
            self.late += len(data)
        try:
            to.sendall(data)
        except OSError:
            self._end(to)

    def _end(self, sock: socket.socket) -> None:
        for one in (sock, self._pairs.pop(sock)):
            self._pairs.pop(one, None)
            self._clients.discard(one)
            self._patient.discard(one)
            one.close()
