"""Each path: what it answers, to whom, and that nothing anybody wrote becomes HTML."""

import base64
import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agent.metrics import Options, exposition
from agent.secret import Secret
from agent.view import View
from agent.web import WebOptions
from agent.web.status import MOST
from alerts.model import Acknowledged, Alert, Delivery, Kind, Op, Phase, Progress, Silence, State
from checks.check import Fix, Severity
from checks.check import Kind as CheckKind
from checks.evaluate import Finding, Fingerprint, Gap
from checks.facts import Address, Unknown, Why
from checks.facts.unknown import young
from checks.pattern import Pattern
from tests.agent.metrics.views import blinded, report_of, target, view
from tests.agent.web.conftest import Serve, ask
from tests.checks.examples import AT, group, kafka, topic

NOW = AT + 5
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ 7*7 }} \u202e\ud800\x00 &lt;"


def alert(number: int, severity: Severity = Severity.WARNING, *, name: str = "app", text: str = "is late") -> Alert:
    fingerprint = Fingerprint("kafka/group-lagging", Address("kafka", "prod", "groups", name), str(number))
    finding = Finding(
        fingerprint,
        CheckKind.CONDITION,
        severity,
        timedelta(0),
        text,
        (),
        Fix("Add consumers.", "kafka-consumer-groups.sh"),
    )
    return Alert(f"a{number}", fingerprint, finding, Phase.FIRING, AT - 60 * number, AT, severity)


def state(*alerts: Alert, **more: object) -> State:
    return State(alerts={a.id: a for a in alerts}, open={a.fingerprint: a.id for a in alerts}, **more)  # type: ignore[arg-type]


class Page(HTMLParser):
    """The elements with their attributes, and the text."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(body)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def shown(serve: Serve, seen: View) -> str:
    answer = ask(serve(seen, now=NOW), "/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return Page(answer.text).text


# ── metrics ──


def test_metrics_plain_and_compressed(serve: Serve) -> None:
    made = exposition(view(target(kafka([topic("t")], [group("g")]))), NOW, Options())
    server = serve(made=made)
    plain = ask(server, "/metrics")
    assert (plain.status, plain.body) == (200, made.text)
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert plain.headers["Content-Length"] == str(len(made.text))
    small = ask(server, "/metrics", Accept_Encoding="gzip;q=0.5, deflate")
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.body) == made.text
    assert ask(server, "/metrics", Accept_Encoding="gzip;q=0").body == made.text


def test_head_has_no_body(serve: Serve) -> None:
    answer = ask(serve(), "/metrics", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


# ── health ──


@pytest.mark.parametrize(("judged", "status"), [(AT, 200), (AT - 55, 200), (AT - 56, 503)])
def test_health_is_the_heartbeat_of_the_judge(serve: Serve, judged: float, status: int) -> None:
    answer = ask(serve(View(at=AT, judged=judged, started=AT - 999), now=NOW), "/healthz")
    assert answer.status == status
    assert answer.text == ("ok\n" if status == 200 else "the judge has finished nothing for 1 min 1 s\n")


def test_a_start_is_given_the_same_time(serve: Serve) -> None:
    assert ask(serve(View(at=AT, started=AT), now=AT + 60), "/healthz").status == 200
    assert ask(serve(View(at=AT, started=AT), now=AT + 61), "/healthz").status == 503


def test_ready_after_a_look_at_each_target(serve: Serve) -> None:
    places = {"place", "sqs:eu-west-1"}
    server = serve(view(target(kafka())), places=lambda: places)
    answer = ask(server, "/readyz")
    assert answer.status == 503
    assert json.loads(answer.text) == {"ready": False, "missing": ["sqs:eu-west-1 was not looked at yet"]}
    places.remove("sqs:eu-west-1")
    answer = ask(server, "/readyz")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.text) == {"ready": True, "missing": []}


def test_ready_also_when_the_look_failed(serve: Serve) -> None:
    blind = replace(blinded(target(kafka()), AT), looks=1)
    assert ask(serve(view(blind)), "/readyz").status == 200


def test_not_ready_before_the_first_look(serve: Serve) -> None:
    assert json.loads(ask(serve(), "/readyz").text)["missing"] == ["no target was looked at yet"]
    waiting = ask(serve(view(target(kafka(), looks=0))), "/readyz")
    assert json.loads(waiting.text)["missing"] == ["place was not looked at yet"]


# ── tokens ──


def test_a_token_guards_all_but_the_probes(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    server = serve(view(target(kafka())), WebOptions(token=Secret.file(file)))
    for path in ("/healthz", "/readyz"):
        assert ask(server, path).status == 200
    basic = base64.b64encode(b"anybody:s3cret").decode()
    for path in ("/", "/metrics", "/style.css"):
        for given in ({}, {"Authorization": "Bearer s3cre"}, {"Authorization": "Bearer"}, {"Authorization": "s3cret"}):
            answer = ask(server, path, **given)
            assert (answer.status, answer.text) == (401, "a bearer token is needed\n")
        assert answer.headers.get_all("WWW-Authenticate")[0].startswith("Bearer")  # type: ignore[index]
        assert ask(server, path, Authorization="Bearer s3cret").status == 200
        assert ask(server, path, Authorization=f"Basic {basic}").status == 200
    file.write_text("other\n")  # rotated
    assert ask(server, "/", Authorization="Bearer s3cret").status == 401
    assert ask(server, "/", Authorization="Bearer other").status == 200
    file.unlink()
    answer = ask(server, "/", Authorization="Bearer other")
    assert (answer.status, str(file) in answer.text) == (503, False)


def test_an_unknown_path_says_nothing_without_the_token(serve: Serve) -> None:
    assert ask(serve(options=WebOptions(token=Secret.literal("x"))), "/nowhere").status == 401


# ── what goes wrong ──


def test_not_found_is_plain(serve: Serve) -> None:
    answer = ask(serve(), "/<script>")
    assert (answer.status, answer.text) == (404, "not found\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_nothing_can_be_changed(serve: Serve) -> None:
    answer = ask(serve(), "/", method="POST")
    assert (answer.status, answer.text) == (405, "method not allowed\n")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_bug_shows_nothing_of_itself(serve: Serve) -> None:
    def read() -> View:
        raise RuntimeError("internal")

    answer = ask(serve(read=read), "/healthz")
    assert (answer.status, answer.text) == (500, "mqcanary failed; its log says how\n")


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/style.css", "/nowhere"])
def test_every_answer_is_hardened(serve: Serve, path: str) -> None:
    headers = ask(serve(), path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "mqcanary"


# ── the page ──


def test_a_calm_page(serve: Serve) -> None:
    snapshot = kafka([topic("t")], [group("g")])
    text = shown(serve, view(target(snapshot, report=report_of(snapshot, counts={"topics": 1, "groups": 12}))))
    assert "Nothing fires" in text
    assert "seen kafka://prod place observed 5 s ago: 1 topic, 12 groups; the last look took 0.2 s" in text
    assert "Everything could be judged." in text
    assert "Nothing waits." in text


def test_what_fires_the_worst_first(serve: Serve) -> None:
    late = replace(alert(3), frozen=AT - 30, frozen_why="no broker answers", unstable=True)
    acknowledged = replace(alert(2, name="two"), acknowledged=Acknowledged("anna", AT, AT + 60, "deploying"))
    silence = Silence("s", Pattern.parse("kafka://*/groups/two"), "*", AT + 90, "bob", "upgrade", AT)
    pending = replace(alert(4), phase=Phase.PENDING)
    worst = alert(1, Severity.CRITICAL, text="app is 14 min behind")
    seen = view(target(kafka()), state=state(late, acknowledged, worst, pending, silences={"s": silence}))
    text = shown(serve, seen)
    assert "1 critical, 2 warning" in text
    assert text.index("14 min behind") < text.index("cannot be observed") < text.index("acknowledged")
    assert "group app on kafka://prod, since 1 min 5 s ago, kafka/group-lagging, alert a1" in text
    assert "cannot be observed since 2027-01-15 07:59:30 UTC (no broker answers)" in text
    assert "comes and goes" in text
    assert "acknowledged by anna until 2027-01-15 08:01:00 UTC: deploying" in text
    assert "silenced by bob until 2027-01-15 08:01:30 UTC: upgrade" in text
    assert "Add consumers. kafka-consumer-groups.sh" in text
    assert "1 more wait until they have lasted long enough" in text
    assert text.count("silenced by") == 1


def test_what_more_looks_close_is_said_once_and_without_the_options_of_an_audit(serve: Serve) -> None:
    causes = [
        Unknown(Why.YOUNG, "leaders move", "a look once that is over"),
        Unknown(Why.YOUNG, "one poll so far", "another poll: --samples 3"),
        young("9 s of history", 600),
    ]
    places = [("kafka/a", Address("kafka", "prod", "groups", f"g{i}")) for i in range(6)]
    gaps = {(check, where): Gap(check, where, causes[i % 3]) for i, (check, where) in enumerate(places)}
    text = shown(serve, view(target(kafka(), report=report_of(kafka(), gaps=gaps))))
    assert "--samples" not in text
    assert text.count("closes by itself") == 1
    assert "young one poll so far, 9 s of history 4 in all kafka://prod, kafka/a: g1, g2, g4 and 1 more" in text
    assert "young leaders move and 1 alike" in text
    assert "a look once that is over" in text


def test_a_blind_target_and_the_gaps(serve: Serve) -> None:
    snapshot = kafka()
    denied = Unknown(Why.DENIED, "the offsets of g0 may not be read", "kafka-acls.sh --add")
    gaps = {
        (check, address): Gap(check, address, denied)
        for check, address in (("kafka/a", Address("kafka", "prod", "groups", f"g{i}")) for i in range(5))
    }
    other = blinded(target(replace(snapshot, target="staging")), AT)
    text = shown(serve, view(target(snapshot, report=report_of(snapshot, gaps=gaps)), other))
    assert "1 of 2 targets cannot be seen" in text
    assert "blind kafka://staging place observed 5 s ago; the last look took 0.2 s no broker answers" in text
    assert "denied the offsets of g0 may not be read and 4 alike kafka://prod, kafka/a: g0, g1, g2 and 2 more" in text
    assert "kafka-acls.sh --add" in text
    never = shown(serve, view(replace(other, good=None)))
    assert "never observed" in never


def test_deliveries(serve: Serve) -> None:
    def delivery(number: int, progress: Progress, **more: object) -> Delivery:
        return Delivery(
            str(number),
            number,
            "t",
            "slack:#ops",
            Op.POST,
            (Kind.FIRED,),
            ("a",),
            AT,
            progress,
            **more,  # type: ignore[arg-type]
        )

    deliveries = [delivery(1, Progress.PARKED, attempts=3, error="channel_not_found"), delivery(2, Progress.SENDING)]
    about = state(replace(alert(1), id="a"), deliveries={d.id: d for d in deliveries})
    text = shown(serve, view(target(kafka()), state=about))
    what = "slack:#ops kafka://prod/groups/app kafka/group-lagging created 5 s ago"
    assert f"somebody has to look 1 {what}, tried 3 times channel_not_found" in text
    assert f"Waiting 1 {what} being sent; no answer yet" in text


def test_modes_are_told(serve: Serve) -> None:
    text = shown(serve, view(observe=True, config_ok=False, saved=False))
    assert "nothing is delivered" in text
    assert "The last configuration was refused" in text
    assert "The state cannot be saved" in text
    assert "Nothing has been looked at yet" in text


def test_nothing_hostile_becomes_html(serve: Serve) -> None:
    wrong = replace(
        alert(1, name=HOSTILE, text=HOSTILE),
        frozen=AT,
        frozen_why=HOSTILE,
        acknowledged=Acknowledged(HOSTILE, AT, None, HOSTILE),
        id=HOSTILE,
    )
    wrong = replace(wrong, finding=replace(wrong.finding, fix=Fix(HOSTILE, HOSTILE)))
    address = Address("kafka", HOSTILE, "groups", HOSTILE)
    snapshot = replace(kafka(), target=HOSTILE)
    gap = Gap(HOSTILE, address, Unknown(Why.DENIED, HOSTILE, HOSTILE))
    one = replace(target(snapshot, report=report_of(snapshot, gaps={(HOSTILE, address): gap})), place=HOSTILE)
    delivery = Delivery("1", 1, "t", HOSTILE, Op.POST, (), (), AT, error=HOSTILE)
    silence = Silence("s", Pattern(), "*", AT + 90, HOSTILE, HOSTILE, AT)
    seen = view(one, state=state(wrong, silences={"s": silence}, deliveries={"1": delivery}))
    answer = ask(serve(seen, now=NOW), "/")
    assert answer.status == 200
    page = Page(answer.text)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img", "iframe", "form", "style"})
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on") or key == "style"]
    assert page.text.count("<script>alert(1)</script>") >= 10
    assert "{{ 7*7 }}" in page.text
    assert not {"\u202e", "\x00"} & set(page.text)


def test_nothing_is_fetched_from_elsewhere(serve: Serve) -> None:
    page = Page(ask(serve(view(target(kafka()))), "/").text)
    links = {value for _, attributes in page.elements for key, value in attributes.items() if key in ("href", "src")}
    assert links == {"style.css", "metrics", "healthz", "readyz"}


def test_ten_thousand_alerts_are_a_page_still(serve: Serve) -> None:
    answer = ask(serve(view(target(kafka()), state=state(*(alert(i) for i in range(10_000)))), now=NOW), "/")
    assert answer.text.count("<article") == MOST
    assert f"and {10_000 - MOST:,} more alerts" in answer.text


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def test_no_secret_is_shown(serve: Serve) -> None:
    with environment("MQCANARY_TEST_TOKEN", "very-s3cret"):
        server = serve(view(target(kafka())), WebOptions(token=Secret.env("MQCANARY_TEST_TOKEN")))
        for path in ("/", "/metrics", "/readyz", "/healthz", "/nowhere"):
            answer = ask(server, path, Authorization="Bearer very-s3cret")
            assert b"s3cret" not in answer.body + str(answer.headers).encode()
