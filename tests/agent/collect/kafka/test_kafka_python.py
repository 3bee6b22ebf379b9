"""What the wire layer relies on in kafka-python, which it pins: a release that changes any of it fails here, and says what.

What is asked is taken from our source, not from a list: messages and their highest versions, and the names of their fields.
"""

import ast
import re
import struct
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.resources import files
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.broker_version_data import BROKER_API_VERSIONS, infer_broker_version_from_api_versions
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription

from agent.collect.kafka import connection, messages
from agent.collect.kafka.batches import UnreadableError, batches, records
from agent.collect.kafka.compact import behind_header
from agent.collect.kafka.decoding import list_offsets, offset_fetch
from agent.collect.kafka.exchange import Framed, StrangeError, Written, decoded
from agent.demo.cluster import brokers
from agent.demo.cluster.sasl import Authentication
from tests.agent.collect.kafka.examples import CLIENT, EXAMPLES, GOLDEN, SERIAL, Fields

MEASURED = "3.0.12"
ROOT = Path(__file__).parents[4]
CODE = ROOT / "agent/collect/kafka"
OLDEST = (2, 4)
"""The first release that we read."""


def test_kafka_python_is_the_release_that_was_read_and_measured() -> None:
    declared = " ".join(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    found = {
        "installed": {version("kafka-python")},
        "pyproject.toml": set(re.findall(r"kafka-python\S*==(\S+)", declared)),
    }
    for lock in ("requirements.lock", "requirements-dev.lock"):
        found[lock] = set(re.findall(r"^kafka-python==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))
    assert found == {place: {MEASURED} for place in found}, (
        f"the wire layer was read and measured with kafka-python {MEASURED}. With another one read what changed in its"
        " kafka/protocol, kafka/net/sasl and kafka/record, mend what fails in this file, run tests/agent/collect/kafka,"
        " tests/agent/demo/cluster and tests/live, measure bench/collection again; then set pyproject.toml, both locks and"
        " MEASURED here to it"
    )


# ── what the source asks for ──


@cache
def sources() -> list[ast.AST]:
    return [node for path in sorted(CODE.glob("*.py")) for node in ast.walk(ast.parse(path.read_text()))]


def imported() -> Iterator[tuple[str, str]]:
    """Each name that the source takes from kafka-python, or from the messages beside it, and the module it comes from."""
    for node in sources():
        if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith(("kafka.", MESSAGES)):
            yield from ((node.module, alias.name) for alias in node.names)


MESSAGES = "agent.collect.kafka.messages."


@cache
def kinds() -> Mapping[str, Any]:
    """Each class of requests by its name."""
    return {name: getattr(import_module(module), name) for module, name in imported() if name.endswith("Request")}


@cache
def asked() -> Mapping[str, set[int]]:
    """By request the highest versions that are wanted, and those that are set: `ask(node, Kind, 4)`, `(Kind, 4)`, `Kind(version=0)`."""
    found: dict[str, set[int]] = {name: set() for name in kinds()}
    for node in sources():
        row = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
        for kind, most in pairwise(row):
            if isinstance(kind, ast.Name) and kind.id in found and isinstance(most, ast.Constant):
                found[kind.id].add(cast("int", most.value))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in found:
            found[node.func.id] |= {
                k.value.value for k in node.keywords if k.arg == "version" and hasattr(k.value, "value")
            }
    return found


def versions(name: str) -> list[int]:
    """Those in which the brokers of all releases from OLDEST on are asked."""
    key, found = EXAMPLES[name][0], set[int]()
    for most in asked()[name]:
        spoken = [apis[key] for release, apis in BROKER_API_VERSIONS.items() if release >= OLDEST and key in apis]
        found |= {most} | {min(high, most) for low, high in spoken if min(high, most) >= low}
    return sorted(found)


# ── an example, written and read ──


def built(kind: Any, fields: Fields, **more: Any) -> Any:
    def one(name: str, value: Any) -> Any:
        inner = kind.fields.get(name)
        if isinstance(value, dict) and inner is not None:
            return built(inner.data_class, value)
        if isinstance(value, list) and value and isinstance(value[0], dict) and inner is not None:
            return [built(inner.data_class, each) for each in value]
        return value

    return kind(**{name: one(name, value) for name, value in fields.items()}, **more)


def put(name: str, at: int) -> Framed:
    return Framed(built(kinds()[name], EXAMPLES[name][1], version=at))


def answered(name: str, request: Any) -> bytes:
    """The answer, with its header and without its size, as a broker writes it."""
    kind = request.header.get_response_class()
    assert kind is not None, f"kafka-python knows no answer to {name}"
    answer = built(kind[None], EXAMPLES[name][2], version=request.API_VERSION)
    answer.with_header(correlation_id=SERIAL)
    return bytes(answer.encode(header=True))


def answers(kind: Any) -> Any:
    """The class of the answers to a class of requests."""
    request = kind(version=kind.max_version)
    request.with_header()
    return request.header.get_response_class()[None]


def check(told: Any, wanted: Fields, at: int, where: str) -> None:
    """What is read is what was written; and what this version does not tell is told as nothing."""
    for name, value in wanted.items():
        seen, place = getattr(told, name), f"{where}.{name}"
        if not told.fields[name].for_version_q(at):
            assert not seen or seen == -1, f"{place} of version {at} is {seen!r}, which it does not tell"
        elif isinstance(value, dict):
            check(seen, value, at, place)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            assert len(seen) == len(value), place
            for one, row in zip(seen, value, strict=True):
                check(one, row, at, place)
        elif isinstance(value, bytes):
            assert bytes(seen) == value, f"{place} of version {at}"
        else:
            assert (list(seen) if isinstance(value, list) else seen) == value, f"{place} of version {at}"


def lacking(kind: Any, example: Fields, spoken: list[int], used: set[str]) -> Iterator[str]:
    """Fields of a message in these versions that are used, and that its example does not fill."""
    for name, one in kind.fields.items():
        inner = example.get(name)
        if not any(map(one.for_version_q, spoken)):
            continue
        if name not in example and name in used:
            yield name
        elif inner and (one.is_struct() or one.is_struct_array()):
            yield from lacking(one.data_class, inner[0] if isinstance(inner, list) else inner, spoken, used)


# ── messages ──


def test_all_that_is_imported_late_is_there() -> None:
    gone = [f"{module}.{name}" for module, name in imported() if not hasattr(import_module(module), name)]
    assert not gone, f"kafka-python no longer has {gone}"


def test_each_request_is_one_that_is_allowed_and_has_an_example() -> None:
    assert kinds().keys() == EXAMPLES.keys()
    assert {name: kind.API_KEY for name, kind in kinds().items()} == {
        name: key for name, (key, _, _) in EXAMPLES.items()
    }
    assert {key for key, _, _ in EXAMPLES.values()} == connection.ALLOWED


def test_the_examples_hold_every_field_that_the_source_sets_or_reads() -> None:
    given, read = set[str](), set[str]()
    for node in sources():
        if isinstance(node, ast.keyword) and node.arg:
            given.add(node.arg)
        elif isinstance(node, ast.Dict):
            given |= {key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
        elif isinstance(node, ast.Attribute):
            read.add(node.attr)
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) == "getattr"
            and isinstance(node.args[1], ast.Constant)
        ):
            read.add(str(node.args[1].value))
    for name, kind in kinds().items():
        (_, request, answer), spoken = EXAMPLES[name], versions(name)
        assert not list(lacking(kind, request, spoken, given)), f"the source sets what the example of {name} lacks"
        assert not list(lacking(answers(kind), answer, spoken, read)), (
            f"the source reads what the answer to {name} lacks"
        )


def test_the_parts_of_requests_have_the_names_that_the_source_uses() -> None:
    """`OffsetFetchRequest.OffsetFetchRequestGroup`, and `topic_kind.FetchPartition` after `topic_kind = FetchRequest.FetchTopic`."""
    seen = 0
    for function in (node for node in sources() if isinstance(node, ast.FunctionDef)):
        known = dict[str, Any](kinds())
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Attribute)
                and isinstance(node.targets[0], ast.Name)
            ):
                part = ast.unparse(node.value).partition(".")
                if part[0] in kinds() and part[2] != "API_KEY":
                    known[node.targets[0].id] = getattr(known[part[0]], part[2])
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
                whole = known[node.value.id]
                assert hasattr(whole, node.attr), f"{whole.__name__} of kafka-python has no {node.attr}"
                seen += node.attr != "API_KEY"
    assert seen > 8, "the source is written in another way than this test reads"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_goes_there_and_back_in_every_version(name: str) -> None:
    assert asked()[name], f"no version of {name} is found in the source"
    kind = kinds()[name]
    assert kind.min_version <= min(asked()[name]) <= max(asked()[name]) <= kind.max_version, (
        "kafka-python lacks a version"
    )
    for at in versions(name):
        framed = put(name, at)
        data = framed.numbered(SERIAL, CLIENT)
        check(kind.decode(data[4:], version=at, header=True), EXAMPLES[name][1], at, name)
        check(decoded(framed.request, answered(name, framed.request)), EXAMPLES[name][2], at, name)


# ── bytes ──


@pytest.mark.parametrize(("name", "at"), GOLDEN)
def test_the_bytes_of_messages_are_those_of_the_protocol(name: str, at: int) -> None:
    asked, told = (bytes.fromhex(text) for text in GOLDEN[name, at])
    framed = put(name, at)
    assert framed.numbered(SERIAL, CLIENT).hex(" ") == asked.hex(" "), f"the request {name} is written in another way"
    assert answered(name, framed.request).hex(" ") == told.hex(" "), f"the answer to {name} is written in another way"
    check(decoded(framed.request, told), EXAMPLES[name][2], at, name)
    with pytest.raises(StrangeError):
        decoded(framed.request, told[:7])


def test_our_own_decoders_read_the_same_bytes_alike() -> None:
    told = bytes.fromhex(GOLDEN["OffsetFetchRequest", 8][1])
    group = offset_fetch(told[behind_header(told) :], {}).fresh["g"]
    assert (group.error, group.topics, list(group.partition), list(group.offset), list(group.errors)) == (
        7,
        ("t",),
        [3],
        [40],
        [7],
    )
    told = bytes.fromhex(GOLDEN["ListOffsetsRequest", 6][1])
    log = list_offsets(told[behind_header(told) :])
    assert (log.topics, list(log.partition), list(log.timestamp), list(log.offset), list(log.error)) == (
        ("t",),
        [3],
        [99],
        [40],
        [7],
    )


@pytest.mark.parametrize(
    ("name", "at"), [("MetadataRequest", 10), ("SaslHandshakeRequest", 1), ("ApiVersionsRequest", 0)]
)
def test_the_number_of_a_request_stands_at_its_eighth_byte_and_nowhere_else(name: str, at: int) -> None:
    framed = put(name, at)
    framed.numbered(SERIAL, CLIENT)
    again = framed.numbered(0x7A7B7C7D, CLIENT)
    assert again == put(name, at).numbered(0x7A7B7C7D, CLIENT)
    assert struct.unpack_from(">ihhi", again) == (len(again) - 4, kinds()[name].API_KEY, at, 0x7A7B7C7D)
    assert framed.request.header.correlation_id == SERIAL
    if kinds()[name].flexible_version_q(at):  # those that we write ourselves have the very same header
        assert Written(kinds()[name].API_KEY, at, bytes(framed.request.encode())).numbered(0x7A7B7C7D, CLIENT) == again
    assert {"correlation_id", "client_id"} <= signature(framed.request.with_header).parameters.keys()
    assert {"version", "header", "framed"} <= signature(framed.request.encode).parameters.keys()


def test_messages_of_our_own_are_still_needed_and_answer_their_requests() -> None:
    shipped = {one.name for one in files("kafka.protocol.schemas.resources").iterdir()}
    mine = {one.name for one in files("agent.collect.kafka.schemas").iterdir() if one.name.endswith(".json")}
    assert mine, "our schemas are gone"
    assert not mine & shipped, (
        "kafka-python brings these itself, under the same API key for the whole process: use its own"
    )
    for name in messages.__all__:
        if name.endswith("Request"):
            assert answers(getattr(messages, name)) is getattr(messages, name.replace("Request", "Response"))


def test_assignments_and_subscriptions_of_consumers() -> None:
    topic = b"\0\1t"
    assigned = b"\0\1" + b"\0\0\0\1" + topic + b"\0\0\0\2" + b"\0\0\0\0" + b"\0\0\0\5" + b"\xff" * 4
    assert [(t, list(p)) for t, p in ConsumerProtocolAssignment.decode(assigned).assigned_partitions] == [("t", [0, 5])]
    subscribed = b"\0\1" + b"\0\0\0\1" + topic + b"\xff" * 4 + b"\0\0\0\0"
    assert list(ConsumerProtocolSubscription.decode(subscribed).topics) == ["t"]


# ── credentials, records, releases ──


@pytest.mark.parametrize("name", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("user", ["reader", "a=2Cb"])
def test_a_mechanism_lets_in_who_knows_the_password(name: str, user: str) -> None:
    model = brokers(1)
    model.users = {user: "secret"}
    server = Authentication(model)
    server.handshake(name)
    mechanism = get_sasl_mechanism(name)(
        host="h", sasl_mechanism=name, sasl_plain_username=user, sasl_plain_password="secret"
    )
    steps = 0
    while not mechanism.is_done():
        said = mechanism.auth_bytes()
        if not steps:  # a name is sent as it is: we have escaped it for SCRAM before
            assert user.encode() in said
        mechanism.receive(server.authenticate(said).auth_bytes)
        steps += 1
    assert (steps, mechanism.is_authenticated(), server.principal) == (1 if name == "PLAIN" else 2, True, user)


@pytest.mark.parametrize("proof", [b"v=AAAA", b"e=other-error", b"nonsense"])
def test_a_broker_that_does_not_know_the_password_is_found_out(proof: bytes) -> None:
    model = brokers(1)
    model.users = {"u": "secret"}
    server = Authentication(model)
    server.handshake("SCRAM-SHA-256")
    mechanism = get_sasl_mechanism("SCRAM-SHA-256")(
        host="h", sasl_mechanism="SCRAM-SHA-256", sasl_plain_username="u", sasl_plain_password="secret"
    )
    mechanism.receive(server.authenticate(mechanism.auth_bytes()).auth_bytes)
    mechanism.auth_bytes()
    with pytest.raises((ValueError, KeyError)):  # these alone are caught
        mechanism.receive(proof)


BATCH = bytes.fromhex("""
    0000000000000028000000490000000002e0e9e4bf00000000000100000000000003e800000000000003ef00000000000000
    09000000000000000000021e000000026b08626f647902026802780e000e0201026200
""")
"""Two records from offset 40 on: key k with header h at 1000 ms, then one without a key at 1007; producer 9."""


def test_record_batches_are_read_as_they_lie_in_a_log() -> None:
    (batch,) = batches(BATCH + BATCH[:-1])  # the second is cut
    assert batch[:9] == (40, 2, len(BATCH), 0, True, False, 1000, 1007, False)
    assert [(r.key, r.timestamp, r.headers) for r in records(batch)] == [(b"k", 1000, ("h",)), (None, 1007, ())]
    with pytest.raises(UnreadableError, match="checksum"):
        list(batches(BATCH[:-1] + b"\7"))
    control = bytearray(BATCH)
    control[22] |= 0x20
    with pytest.raises(UnreadableError, match="checksum"):  # attributes are covered by it
        list(batches(bytes(control)))


def test_releases_are_known_by_the_versions_of_their_apis() -> None:
    for release in ((2, 4), (2, 8), (3, 0), (3, 9), (4, 0), (4, 3)):
        assert infer_broker_version_from_api_versions(BROKER_API_VERSIONS[release]) == release
    assert infer_broker_version_from_api_versions({3: (0, 13), 35: (1, 5)}) == (4, 3)
    assert infer_broker_version_from_api_versions({3: (0, 8), 1: (0, 11)}) == (2, 3)
    assert BROKER_API_VERSIONS[2, 4][9] == (0, 6), "the simulated cluster speaks what this says"
