"""One client's connection to one simulated broker: frames in, answers out, in order, one at a time."""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from kafka.protocol.metadata import ApiVersionsResponse

from agent.demo.cluster.faults import Fault, ItemErrors
from agent.demo.cluster.handlers import API_VERSIONS, APIS, SASL_AUTHENTICATE, SASL_HANDSHAKE, Call, advertised
from agent.demo.cluster.handlers.call import UNSUPPORTED_VERSION
from agent.demo.cluster.model import ANONYMOUS, Model, Rights
from agent.demo.cluster.sasl import Authentication, user_in

_HEADER = struct.Struct(">hhi")
_LENGTH = struct.Struct(">i")
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER, on and without a second: closing resets the connection."""
_LONGEST = 100 * 1024 * 1024
_BEFORE_AUTHENTICATION = (API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE)

# A list longer than this is recorded by its length: requests name tens of thousands of partitions.
_MOST_RECORDED = 100


@dataclass(frozen=True, slots=True)
class Request:
    """What a broker was asked: `at` in seconds by the model's clock, `api` the API key, `fields` as kafka-python names them.

    A list of more than 100 entries stands there as its length. Of SASL there is the user's name and no secret.
    """

    at: float
    broker: int
    api: int
    version: int
    client_id: str
    principal: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class Host(Protocol):
    """What a connection needs of its cluster."""

    model: Model

    def faults_for(self, api: int, broker: int) -> list[Fault]: ...
    def record(self, request: Request) -> None: ...
    def opened(self, connection: "Connection") -> None: ...
    def closed(self, connection: "Connection") -> None: ...
    def answer(self, make: Callable[[], bytes]) -> bytes: ...
    def crashed(self, error: Exception) -> None: ...


class _HangupError(Exception):
    """The connection ends here, without an answer."""


class Connection(asyncio.Protocol):
    """`broker` is the id of the broker spoken to."""

    def __init__(self, host: Host, broker: int) -> None:
        self.broker = broker
        self._host = host
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._worker: asyncio.Task[None] | None = None
        self._authentication = Authentication(host.model, refuses=host.model.brokers[broker].refuses)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (TCP or TLS: nothing else listens)
        self._transport = transport
        self._worker = asyncio.get_running_loop().create_task(self._serve(transport))
        self._host.opened(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received)
            if not _HEADER.size <= length <= _LONGEST:
                self.abort()  # not Kafka: a TLS handshake looks like 370 MB
                return
            end = _LENGTH.size + length
            if len(self._received) < end:
                return
            self._frames.put_nowait(bytes(self._received[_LENGTH.size : end]))
            del self._received[:end]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._worker is not None:
            self._worker.cancel()
        self._host.closed(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _serve(self, transport: asyncio.Transport) -> None:
        try:
            while not self._authentication.failed:
                await self._handle(transport, await self._frames.get())
        except _HangupError:
            pass
        except Exception as error:  # noqa: BLE001 (a bug of ours: the cluster's owner shall hear of it)
            self._host.crashed(error)
        finally:
            # Flushes first: a refused client gets its answer and the end of the connection at once.
            transport.close()

    async def _handle(self, transport: asyncio.Transport, frame: bytes) -> None:
        api, version, correlation = _HEADER.unpack_from(frame)
        versions = advertised(self._host.model.versions)
        if not versions.get(api, (1, 0))[0] <= version <= versions.get(api, (1, 0))[1]:
            if api != API_VERSIONS:
                raise _HangupError  # as a real broker does
            rows = [(key, low, high) for key, (low, high) in versions.items()]
            transport.write(_framed(ApiVersionsResponse(error_code=UNSUPPORTED_VERSION, api_keys=rows), 0, correlation))
            return
        request = APIS[api].request.decode(frame, version=version, header=True)
        self._record(request, api, version)
        if self._host.model.users and self._authentication.principal is None and api not in _BEFORE_AUTHENTICATION:
            raise _HangupError
        faults = self._host.faults_for(api, self.broker)
        await _endure(transport, faults)
        answer = self._host.answer(lambda: self._answer(request, api, version, correlation, faults))
        cut = next((fault.cut for fault in faults if fault.cut is not None), None)
        transport.write(answer[:cut])
        if cut is not None:
            _hang_up(transport, faults)
        if throttle := _throttle(faults, api):
            await asyncio.sleep(throttle / 1000)  # nothing more is read from it for so long, as a real broker does

    def _answer(self, request: Any, api: int, version: int, correlation: int, faults: list[Fault]) -> bytes:
        if api == SASL_HANDSHAKE:
            response = self._authentication.handshake(request.mechanism)
        elif api == SASL_AUTHENTICATE:
            response = self._authentication.authenticate(bytes(request.auth_bytes))
        else:
            model = self._host.model
            rights = model.rights.get(self._principal, Rights())
            call = Call(model, self.broker, version, rights, ItemErrors.of(faults), advertised(model.versions))
            handle = APIS[api].handle
            response = None if handle is None else handle(call, request)
        if (throttle := _throttle(faults, api)) and hasattr(
            response, "throttle_time_ms"
        ):  # controllers tell of no quota
            response.throttle_time_ms = throttle
        return _framed(response, version, correlation)

    @property
    def _principal(self) -> str:
        return self._authentication.principal or ANONYMOUS

    def _record(self, request: Any, api: int, version: int) -> None:
        if api == SASL_AUTHENTICATE:
            fields: dict[str, Any] = {"user": user_in(self._authentication.mechanism, bytes(request.auth_bytes))}
        else:
            fields = _summary(request)
        client_id = request.header.client_id or ""
        at = self._host.model.clock()
        self._host.record(Request(at, self.broker, api, version, client_id, self._principal, fields))


def _throttle(faults: list[Fault], api: int) -> int:
    """Milliseconds; none before somebody is known, for whom there is a quota."""
    return 0 if api in _BEFORE_AUTHENTICATION else max((fault.throttle_ms for fault in faults), default=0)


def _hang_up(transport: asyncio.Transport, faults: list[Fault]) -> NoReturn:
    """What was written has gone out before: an answer that a fault cuts is short."""
    if any(fault.reset for fault in faults):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    raise _HangupError


async def _endure(transport: asyncio.Transport, faults: list[Fault]) -> None:
    if any(fault.drop for fault in faults):
        _hang_up(transport, faults)
    if any(fault.stall for fault in faults):
        await asyncio.get_running_loop().create_future()  # until the client goes away
    delay = sum(fault.delay for fault in faults)
    if delay:
        await asyncio.sleep(delay)


def _framed(response: Any, version: int, correlation: int) -> bytes:
    response.API_VERSION = version  # before the header, which depends on it
    response.with_header(correlation_id=correlation)
    return bytes(response.encode(header=True, framed=True))


def _summary(message: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, kind in message.fields.items():
        if not kind.for_version_q(message.version):
            continue
        value = getattr(message, name)
        if isinstance(value, list) and len(value) > _MOST_RECORDED:
            fields[name] = len(value)
        elif kind.is_struct_array() and value is not None:
            fields[name] = [_summary(entry) for entry in value]
        else:
            fields[name] = value
    return fields
