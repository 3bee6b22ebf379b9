"""Every format says the same findings and gaps; whatever a name is, it stays a name."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import click
import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from agent import audit as auditing
from agent.errors import ConfigError
from agent.report import html, junit, markdown, sarif, text
from agent.report import json as as_json
from agent.report.content import Content
from agent.writing import write
from checks.check import Evidence, Severity
from checks.facts import Address, SqsSnapshot, Unknown, Why, unseen_sqs
from checks.ignores import Ignore
from checks.limits import Limits, Override
from checks.pattern import Pattern
from checks.wording import shown
from tests.checks.examples import queue, sqs

SCHEMA = jsonschema.Draft4Validator(json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text()))
CHECKS = auditing.chosen_checks(("sqs/encryption-off", "sqs/dlq-missing", "sqs/tls-not-forced"))
ONE = auditing.chosen_checks(("sqs/encryption-off",))
EVIL = (
    "<img src=x onerror=alert(1)>",
    "</code></pre></details><script>alert(1)</script>",
    "]]><![CDATA[",
    "--><b>",
    "[click](http://evil.example)",
    "![](http://evil.example/x.png)",
    "http://evil.example www.evil.example mailto:a@evil.example ftp://evil.example",
    "@octocat @org/team #1 GH-1 owner/repo#2 GHSA-aaaa-bbbb-cccc :tada: 0123456789abcdef0123456789abcdef01234567",
    "a|b\\|c\\\\|d",
    "``` ` ~~~ **x** _y_ ~~z~~ $1+1$ ``` x",
    "{0} {{ x }} {% raw %} &amp; &#60;b&#62;",
    "\x00\x1b[31m\r\n# head\n- item\u202e\u2028\ufffe\ud800",
    "# x",
    "x" * 3000,
)
NAMES = st.sampled_from(EVIL) | st.text(st.characters(), min_size=1, max_size=20)


def content(*names: str, level: Severity = Severity.WARNING, **more: object) -> Content:
    """Each queue with findings, one of them ignored, a gap whose words have the name too, and a target that is away."""
    first = names[0]
    limits = Limits(
        [Override(Pattern(), "*", severity=level)],
        [Ignore(("sqs/tls-*",), Pattern(), first, date(2027, 3, 1), "m.yaml:3")],
    )
    seen = sqs(*(queue(name, sse=False) for name in names), others={})
    hole = Unknown(Why.DENIED, f"denied: {first}", f"grant it to {first}")
    items = {**seen.queues.items, f"{first}-hidden": hole}
    seen = replace(seen, target=first, queues=replace(seen.queues, items=items))
    away = unseen_sqs("us-east-1", 1.0, hole)
    return Content(
        auditing.audit([seen, away], CHECKS, limits), CHECKS, (first,), (first,), owner=lambda _: first, **more
    )


@settings(
    max_examples=25,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(NAMES, min_size=1, max_size=3, unique=True), st.sampled_from(("target", "owner", "check", "severity")))
def test_a_name_is_a_name_in_every_format(names: list[str], by: str) -> None:
    said = content(*names, group_by=by)
    plain = click.unstyle(text.render(said))
    assert all(line.isprintable() for line in plain.split("\n"))
    document = json.loads(as_json.render(said))
    jsonschema.validate(document, as_json.schema())
    SCHEMA.validate(json.loads(sarif.render(said)))
    root = parsed(said)
    assert len(root.findall(".//failure")) == len(document["findings"])
    page(html.render(said))
    comment(markdown.render(said))
    told = " ".join(shown(names[0]).split())
    if len(told) < 60:
        assert told in html_text(html.render(said))
        assert told in html_text(rendered(markdown.render(said)))
        assert any(told in " ".join(case.attrib["name"].split()) for case in root.iter("testcase"))


def parsed(said: Content) -> ET.Element:
    return ET.fromstring(junit.render(said).encode())  # noqa: S314 - our own


def rendered(comment: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(comment)


class Reader(HTMLParser):
    """The elements of a page with their attributes, and its texts, each with the elements around it."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"br", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self.open), data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def html_text(source: str) -> str:
    return " ".join("".join(data for _, data in Reader(source).texts).split())


def page(source: str) -> None:
    """One file: nothing is fetched, nothing runs, no element is a name's."""
    reader = Reader(source)
    assert reader.open == []
    known = {"html", "head", "meta", "title", "style", "body", "header", "main", "section", "article", "details"}
    known |= {"div", "p", "h1", "h2", "h3", "span", "strong", "ul", "li", "pre", "br", "summary", "a"}
    assert {tag for tag, _ in reader.tags} <= known
    assert {name for _, attrs in reader.tags for name in attrs} <= {
        "class",
        "lang",
        "charset",
        "name",
        "content",
        "http-equiv",
        "href",
        "id",
    }
    # A link leads to what the page itself has of a check.
    pages = {f"#{attrs['id']}" for _, attrs in reader.tags if "id" in attrs}
    assert {attrs["href"] for _, attrs in reader.tags if "href" in attrs} == pages
    assert not re.search(r"url\(|@import", "".join(data for around, data in reader.texts if "style" in around))


LINKS = re.compile(r"@\w|#\d|https?:|ftp:|www\.|\bgh-\d|ghsa-|:[a-z]\w*:|\b[0-9a-f]{7,40}\b|\w@\w", re.IGNORECASE)
"""What GitHub makes links, calls people by, or shows as pictures, in a text outside of code."""


def comment(source: str) -> None:
    assert len(source) <= markdown.LIMIT
    reader = Reader(rendered(source))
    assert reader.open == []
    known = {"h3", "h4", "p", "br", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "ul", "li"}
    assert {tag for tag, _ in reader.tags} <= known | {"code", "span", "pre", "strong"}
    assert all(attrs in ({}, {"class": "language-sh"}) for _, attrs in reader.tags)
    assert {sum(tag == "td" for tag, _ in reader.tags) % 3} == {0}
    for around, data in reader.texts:
        if "pre" not in around:
            assert not LINKS.search(data), (around, data)


def results(said: Content) -> list[dict[str, object]]:
    (run,) = json.loads(sarif.render(said))["runs"]
    found: list[dict[str, object]] = run["results"]
    return found


def test_sarif_has_levels_suppressions_and_what_could_not_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = content("orders", level=Severity.CRITICAL, file="a b/mqcanary.yaml")
    (run,) = json.loads(sarif.render(said))["runs"]
    told, ignored = run["results"]
    assert (told["ruleId"], told["level"], "suppressions" in told) == ("sqs/encryption-off", "error", False)
    (location,) = told["locations"]
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "sqs://orders/queues/orders"
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "a%20b/mqcanary.yaml"
    (suppression,) = ignored["suppressions"]
    assert (suppression["status"], suppression["justification"]) == ("accepted", "orders (until 2027-03-01)")
    assert all(run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    levels = [one["level"] for one in invocation["toolExecutionNotifications"]]
    assert {"error", "warning"} <= set(levels)


def test_sarif_without_a_configuration_has_a_place_all_the_same() -> None:
    said = content("a b", "x:y/z")
    document = json.loads(sarif.render(said))
    SCHEMA.validate(document)
    places = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in document["runs"][0]["results"]}
    assert places == {"sqs/a%20b/queues/a%20b", "sqs/a%20b/queues/x:y%2Fz"}
    assert all(not urlsplit(place).scheme and place == urlsplit(place).path for place in places)


def test_sarif_calls_the_same_the_same() -> None:
    marks = [{json.dumps(one["partialFingerprints"]) for one in results(content(*names))} for names in ("ab", "ba")]
    assert marks[0] != marks[1]  # the target has another name
    said = content("a", "b")
    later = replace(said, audited=list(reversed(said.audited)))
    assert {json.dumps(one["partialFingerprints"]) for one in results(later)} == marks[0]
    assert len(marks[0]) == len(results(said))


@pytest.mark.parametrize(("threshold", "failures"), [(Severity.INFO, 1), (Severity.CRITICAL, 0), (None, 0)])
def test_junit_fails_what_the_command_fails(threshold: Severity | None, failures: int) -> None:
    root = parsed(content("orders", threshold=threshold))
    assert int(root.attrib["failures"]) == len(root.findall(".//failure")) == failures
    assert int(root.attrib["skipped"]) == len(root.findall(".//skipped")) > 1
    assert int(root.attrib["errors"]) == 1
    assert int(root.attrib["tests"]) == len(root.findall(".//testcase"))
    (found,) = root.findall(".//testcase[@classname='mqcanary.sqs/encryption-off']")
    assert "queue orders" in "".join(found.itertext())


def test_a_check_that_found_nothing_is_one_passed_case() -> None:
    sound: SqsSnapshot = sqs(queue("a"), queue("b"))
    root = parsed(Content(auditing.audit([sound], ONE, Limits()), ONE))
    assert [case.attrib["name"] for case in root.iter("testcase")] == ["2 resources judged, nothing found"]


@pytest.mark.parametrize(("queues", "lines"), [(1000, 11), (12, 11), (11, 11), (2, 2)])
def test_a_list_of_the_same_finding_is_cut_on_a_terminal(queues: int, lines: int) -> None:
    found = sqs(*(queue(f"orders-{number:04}") for number in range(queues)))
    told = text.render(Content(auditing.audit([found], auditing.chosen_checks(("sqs/tls-not-forced",)), Limits())))
    assert f"{queues:,} queues: sqs/tls-not-forced" in click.unstyle(told)
    items = [line.strip() for line in told.splitlines() if line.startswith(" " * 11 + "- ")]
    assert len(items) == lines
    assert (items[-1] == f"- and {queues - 10:,} more (--format json names them all)") == (queues > 11)


@pytest.mark.parametrize(("queues", "lines"), [(1, 1), (11, 11), (12, 10)])
def test_what_is_ignored_is_listed_the_soonest_to_come_back_first(queues: int, lines: int) -> None:
    names = [f"orders-{number:02}" for number in range(queues)]
    until = [Ignore(("*",), Pattern.parse(f"sqs://*/queues/{names[-1]}"), "by hand", date(2027, 3, 1), "m.yaml:3")]
    limits = Limits((), [*until, Ignore(("*",), Pattern(), "known", None, "m.yaml:4")])
    said = Content(auditing.audit([sqs(*(queue(name, sse=False) for name in names))], ONE, limits), ONE)
    told = click.unstyle(text.render(said)).split("\nIgnored\n")[1].splitlines()
    first = f"queue {names[-1]}: by hand, until 2027-03-01"
    assert told[0] == f"  - sqs/encryption-off, {first}"
    assert len([line for line in told if "queue orders-" in line]) == lines
    assert ("  - and 2 more (--format json names them all)" in told) == (lines < queues)
    comment(markdown.render(said))
    reader = Reader(rendered(markdown.render(said)))
    folded = "".join(data for around, data in reader.texts if "details" in around)
    assert f"Ignored: {queues}" in folded.split("\n")
    assert f"{first} (m.yaml:3)" in folded
    assert folded.count("queue orders-") == queues


def test_a_comment_has_room_for_the_worst_and_counts_the_rest() -> None:
    names = [f"orders-{number}" for number in range(900)]
    limits = Limits([Override(Pattern(), "sqs/encryption-off", severity=Severity.CRITICAL)])
    found = sqs(*(queue(name, sse=False) for name in names))
    told = markdown.render(Content(auditing.audit([found], CHECKS, limits), CHECKS))
    assert 50_000 < len(told) <= markdown.LIMIT
    by = {severity: told.count(f"| {mark} {severity}") for severity, mark in markdown._MARK.items()}
    (more,) = re.findall(r"\*\*([\d,]+) more findings not shown\*\* \((.*)\); evidence and fix of \d+ findings", told)
    assert int(more[0].replace(",", "")) + sum(by.values()) == 900 * 3
    assert by[Severity.INFO] == by[Severity.WARNING] == 0
    comment(told)


def lines(path: Path) -> Iterator[str]:
    yield from sorted(entry.name for entry in path.iterdir())


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, link = tmp_path / "report", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write(link, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777, link.is_symlink()) == ("new", 0o640, True)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        write(path, "newer")
    assert path.read_text() == "new"
    assert list(lines(tmp_path)) == ["link", "report"]
    write(Path(os.devnull), "anything")


def test_what_the_cluster_shows_is_named_without_it() -> None:
    group, cluster = Address("kafka", "prod", "groups", "app"), Address("kafka", "prod")
    told = [
        text.seen(Evidence(of, "quotas.others", 7.0, 0.0, "bytes/s"), group)
        for of in (cluster, cluster.under("topics", "t"))
    ]
    assert told == ["quotas.others = 7 (bytes/s)", "t quotas.others = 7 (bytes/s)"]
