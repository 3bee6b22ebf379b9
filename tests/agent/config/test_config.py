"""A configuration file: what it becomes, and every mistake in it with line, key, value and mend."""

import contextlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import cli
from agent.collect.building import build
from agent.collect.kafka.msk import MskIam
from agent.config import Config, load
from agent.config.reading import parse
from agent.config.sample import SAMPLE
from agent.config.schema import schema
from agent.errors import ConfigFileError
from checks import all_checks
from checks.check import Severity
from checks.facts import Address
from checks.limits import Limits
from checks.questions import Questions


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reader(text: str) -> Config:
        path = tmp_path / "mqcanary.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return reader


def mistakes(read: Any, text: str) -> list[str]:
    with pytest.raises(ConfigFileError) as caught:
        read(text)
    return [line.partition("mqcanary.yaml:")[2] for line in caught.value.lines]


def test_targets(read: Any) -> None:
    config = read("""
kafka:
  - name: prod
    bootstrap: [k1:9092, "k2:9093,[::1]:9094"]
    groups: {exclude: ["test-*"]}
    deadline: 1m
    requests: 500
    security: {protocol: sasl_ssl, mechanism: SCRAM-SHA-256, username: me, password: {file: pw}, ca: ca.pem}
sqs:
  - region: eu-west-1
    queues: [a, b]
    role_arn: arn:aws:iam::012345678901:role/x
    external_id: 0123
""")
    kafka, sqs = config.kafka[0], config.sqs[0]
    assert kafka.bootstrap == (("k1", 9092), ("k2", 9093), ("::1", 9094))
    assert kafka.groups.exclude == ("test-*",)
    assert kafka.deadline == timedelta(minutes=1)
    assert kafka.requests == 500
    assert kafka.security.ca == str(config.path.parent / "ca.pem"), "relative to the file"
    assert kafka.security.password
    assert kafka.security.password.origin == f"file {config.path.parent / 'pw'}"
    assert (sqs.queues, sqs.external_id) == (("a", "b"), "0123"), "a number with a zero stays what was written"
    watched = list(build(config.kafka, config.sqs, Questions(all_checks(), Limits())))
    assert [(w.collector.place, w.deadline) for w in watched] == [("prod", 60.0), ("eu-west-1", 30.0)]


def test_sampling(read: Any) -> None:
    some, none = read(
        'kafka: [{bootstrap: "k:1", sample: {topics: ["a*", b], budget: 1.5 MiB}}, {bootstrap: "l:1"}]'
    ).kafka
    assert (some.sample.topics, some.sample.budget, none.sample) == (("a*", "b"), 1_572_864, None)
    assert read('kafka: [{bootstrap: "k:1", sample: {topics: a}}]').kafka[0].sample.budget is None


def test_a_secret_of_the_environment_is_read_when_it_is_needed(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config = read("""
kafka: [{bootstrap: k:1, security: {protocol: SASL_PLAINTEXT, mechanism: PLAIN, username: me, password: ${PW}}}]
""")
    password = config.kafka[0].security.password
    monkeypatch.setenv("PW", "tiger")
    assert password.reveal() == "tiger"
    assert "tiger" not in repr(config)


def test_tokens_come_from_an_endpoint_or_a_file(read: Any) -> None:
    endpoint, file = read("""
kafka:
- bootstrap: k:1
  security:
    protocol: SASL_SSL
    mechanism: oauthbearer
    oauth: {url: https://idp/token, client_id: me, client_secret: "${S}", scope: kafka, ca: idp.pem}
    extensions: {logicalCluster: lkc-1}
- bootstrap: l:1
  security: {protocol: SASL_SSL, mechanism: OAUTHBEARER, token: {file: token}}
""").kafka
    assert endpoint.security.tokens.origin == "https://idp/token for client me"
    assert endpoint.security.tokens.ca.endswith("/idp.pem")
    assert endpoint.security.extensions == (("logicalCluster", "lkc-1"),)
    assert file.security.tokens.origin.endswith("/token")


def test_msk_by_iam(read: Any) -> None:
    (kafka,) = read("""
kafka: [{bootstrap: "b:9098", security: {protocol: SASL_SSL, mechanism: AWS_MSK_IAM, msk: {region: eu-west-1, profile: p}}}]
""").kafka
    assert kafka.security.tokens == MskIam("eu-west-1", "p")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mechanism: OAUTHBEARER", "OAUTHBEARER has nowhere to get tokens from: set token, or oauth with url"),
        (
            "mechanism: OAUTHBEARER, token: hunter2, username: me",
            "OAUTHBEARER has no use for username; write mechanism: SCRAM",
        ),
        ("mechanism: AWS_MSK_IAM", "AWS_MSK_IAM has no region: set msk with the region of the cluster"),
        ("mechanism: AWS_MSK_IAM, token: hunter2", "AWS_MSK_IAM has no use for token; write mechanism: OAUTHBEARER"),
        (
            "mechanism: AWS_MSK_IAM, msk: {region: r, external_id: hunter2}",
            "external_id without a role; write role_arn",
        ),
        ("mechanism: PLAIN, token: hunter2", "PLAIN has no use for token; write mechanism: OAUTHBEARER"),
        (
            "mechanism: OAUTHBEARER, token: hunter2, oauth: {url: https://i/t, client_id: i, client_secret: hunter2}",
            "both token and oauth; write one of them",
        ),
        (
            "mechanism: OAUTHBEARER, oauth: {url: http://i/t, client_id: i, client_secret: hunter2}",
            "token endpoint http://i/t is no https URL",
        ),
    ],
)
def test_mistakes_about_tokens_are_one_line_without_the_secret(read: Any, text: str, says: str) -> None:
    (told,) = mistakes(read, f"kafka: [{{bootstrap: k:1, security: {{protocol: SASL_SSL, {text}}}}}]")
    assert says in told
    assert "hunter2" not in told


def test_client_properties_give_brokers_and_security(read: Any, tmp_path: Path) -> None:
    (tmp_path / "client.properties").write_text("bootstrap.servers=k1:9092,k2:9092\nssl.engine.factory.class=x\n")
    kafka = read("kafka: [{properties: client.properties}]").kafka[0]
    assert kafka.bootstrap == (("k1", 9092), ("k2", 9092))
    assert kafka.ignored == ("ssl.engine.factory.class",)


def test_limits_later_wins_key_by_key_and_tells_its_line(read: Any) -> None:
    limits = read("""limits:
- checks: kafka/*
  slo: 5m
- checks: kafka/group-lagging
  resources: kafka://prod/groups/batch-*
  slo: 2h
  severity: info
- {checks: kafka/group-lagging, resources: kafka://prod/groups/batch-off, off: true}
""").limits
    check = next(c for c in all_checks() if c.id == "kafka/group-lagging")

    def of(name: str) -> Any:
        return limits.of(check, Address("kafka", "prod", "groups", name))

    assert (of("x").values["slo"], of("x").origins["slo"]) == (timedelta(minutes=5), "mqcanary.yaml:3")
    batch = of("batch-1")
    assert (batch.values["slo"], batch.severity) == (timedelta(hours=2), Severity.INFO)
    assert batch.origins == {"slo": "mqcanary.yaml:6", "severity": "mqcanary.yaml:7"}
    assert of("batch-off").off
    assert of("batch-off").origins["off"] == "mqcanary.yaml:8"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kafka:\n- bootsrap: k:1", ['2: kafka[0].bootsrap: unknown key; did you mean "bootstrap"?']),
        ("kafka:\n- bootstrap: k", ['2: kafka[0].bootstrap: "k" is not HOST:PORT; write kafka-1:9092']),
        (
            "kafka:\n- bootstrap: k:1\n  sample: {topics: a, budget: 10}",
            ['3: kafka[0].sample.budget: "10" is not a size; write 500kB or 10MB'],
        ),
        (
            "kafka:\n- bootstrap: k:1\n  sample: {budget: 1GB}",
            [
                '3: kafka[0].sample.budget: "1GB" is no budget: it is 100kB to 64MB for each topic and hour; write 1MB',
                "3: kafka[0].sample.topics: missing; write it",
            ],
        ),
        ("kafka:\n- name: x", ["2: kafka[0]: no brokers; write bootstrap: [kafka-1:9092]"]),
        (
            "kafka:\n- {bootstrap: k:1, deadline: 30}",
            ['2: kafka[0].deadline: "30" is not a duration; write 30s or 30m'],
        ),
        (
            "every: 0s\nkafka:\n- {bootstrap: k:1, deadline: 0s}",
            [
                '1: every: "0s" is out of range; write 30s or 2m, anything above 0s up to 1d',
                '3: kafka[0].deadline: "0s" is out of range; write 30s or 2m, anything above 0s up to 1d',
            ],
        ),
        (
            "sqs:\n- region: eu-west-11\n- {region: local, endpoint_url: 'http://127.0.0.1:1'}",
            [
                '2: sqs[0].region: "eu-west-11" is no region that AWS is known to have; did you mean "eu-west-1"? One that'
            ],
        ),
        (
            "heartbeat: {url: 'ftp://x/secret'}",
            ['1: heartbeat.url: a "ftp" address can\'t be called; write https://..., ${NAME} or {file: path}'],
        ),
        (
            "webhooks: {a: {url: hooks/secret}}",
            ["1: webhooks.a.url: not a URL; write https://..., ${NAME} or {file: path}"],
        ),
        (
            "heartbeat: {url: 'https://x', every: 0s}",
            ['1: heartbeat.every: "0s" is out of range; write 30s or 2m, anything above 0s up to 1d'],
        ),
        (
            "slack: {token: x}\nroute: {to: [slack:on-call, 'slack:#ok', slack:C0123456789]}",
            ['2: route.to: "slack:on-call" is no channel; write slack:#on-call, or an id as slack:C0123456789'],
        ),
        ("kafka: {bootstrap: k:1}", ["1: kafka: not a list; begin each entry with -"]),
        ("kafka: [k:1]", ["1: kafka[0]: not a mapping; write keys below it, indented"]),
        ("sqs:\n- prefix: a", ["2: sqs[0].region: missing; write it"]),
        (
            "sqs:\n- {region: r, prefix: a, queues: b}",
            ["2: sqs[0]: both prefix and queues; write one of them, and include or exclude beside it"],
        ),
        (
            "audit:\n  fail_on: bad",
            ['2: audit.fail_on: "bad" is not one of its values; write info, warning, critical or never'],
        ),
        ("audit: {fail_on: warn}", ['1: audit.fail_on: "warn" is not one of its values; did you mean "warning"?']),
        ("audit: {fail_on: [warning]}", ["1: audit.fail_on: not one of its values; write info, warning"]),
        ("audit: {only: x/y}", ['1: audit.only: "x/y" matches no check; see: mqcanary checks list']),
        (
            "limits:\n- checks: kafka/group-laging\n  slo: 1m",
            ['2: limits[0].checks: "kafka/group-laging" matches no check; did you mean "kafka/group-lagging"?'],
        ),
        (
            "limits:\n- checks: kafka/group-lagging\n  slow: 1m",
            ['3: limits[0].slow: no limit of "kafka/group-lagging"; did you mean "slo"?'],
        ),
        (
            "limits:\n- checks: kafka/group-lagging\n  slo: 5",
            ['3: limits[0].slo: "5" is not a duration; write 5s or 5m'],
        ),
        (
            "kafka:\n- {name: a, bootstrap: k:1}\n- name: a\n  bootstrap: k:2",
            ['3: kafka[1].name: "a" is the name of another target, on line 2; give each its own'],
        ),
        ("a: 1\na: 2", ["2: a: stands here twice, first on line 1; delete one", "1: a: unknown key"]),
        ("kafka: *x", ["1: not YAML, column 8: * begins an alias, and there is no such anchor"]),
        ("kafka:\n- name: [a\n", ["3: not YAML, column 1: expected ',' or ']', but got '<stream end>'"]),
        ("kafka:\n\t- x", ["2: not YAML, column 1: a tab indents; use spaces"]),
        ("alerts: {many: 0}", ['1: alerts.many: "0" is not enough; write 1 or more']),
        (
            'kafka: [{bootstrap: "a:1", requests: -4}]',
            ['1: kafka[0].requests: "-4" is not a whole number; write 1 or more'],
        ),
        ("- a", ["1: not a configuration; write keys such as kafka: and sqs:"]),
        ("", ["1: nothing is written here; begin with: mqcanary config init"]),
        ("a: \x00", ["1: not YAML: character U+0000 is not allowed; delete it"]),
    ],
)
def test_mistakes(read: Any, text: str, expected: list[str]) -> None:
    found = mistakes(read, text)
    assert len(found) == len(expected)
    for want in expected:
        assert any(line.startswith(want) for line in found), found


@pytest.mark.parametrize("word", ["nightly", "n", "no", "nullable", "Nulls", "NULL-1", "~backup", "null."])
def test_a_word_that_begins_as_nothing_does_is_a_word(read: Any, word: str) -> None:
    assert parse(f"a: {word}\nb: [{word}]").data == {"a": word, "b": [word]}
    config = read(f"kafka:\n- {{name: {word}, bootstrap: 'k:1', topics: {{exclude: [{word}]}}}}")
    assert (config.kafka[0].name, config.kafka[0].topics.exclude) == (word, (word,))


@pytest.mark.parametrize("word", ["", "~", "null", "Null", "NULL"])
def test_nothing_is_nothing(word: str) -> None:
    assert parse(f"a: {word}\nb: '{word}'").data == {"a": None, "b": word}


def test_all_mistakes_at_once_in_the_order_of_lines(read: Any) -> None:
    found = mistakes(
        read, "kafka:\n- bootstrap: k\n  deadline: x\nsqs:\n- region: a/b\ncolour: red\nlimits:\n- checks: z"
    )
    assert [line.partition(":")[0] for line in found] == ["2", "3", "5", "6", "8"]


LAYERS = """\
every: soon
kafka:
- {bootstrap: broken, name: gone}
- {bootstrap: k:1, deadline: x, properties: p, security: {protocol: SSL}}
- {bootstrap: k:1, name: a, security: {protocol: SSL, ca: none.pem}}
- {bootstrap: k:1, name: a}
sqs:
- {prefix: x}
- {region: eu-west-11}
slack: {tokn: t}
route: {to: ["slack:#ops", "webhook:hook"]}
limits:
- {checks: kafka/group-lagging, slo: 5}
"""


def test_what_only_shows_when_something_else_is_mended_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(LAYERS)
    said = CliRunner().invoke(cli, ["config", "check", str(path)]).exception
    told = [line.removeprefix(f"{path}:").split(";")[0] for line in getattr(said, "lines", ())]
    assert told == [
        '1: every: "soon" is not a duration',
        '3: kafka[0].bootstrap: "broken" is not HOST:PORT',
        '4: kafka[1].deadline: "x" is not a duration',
        "4: kafka[1]: both properties and security",
        f"5: kafka[2].security.ca: {tmp_path}/none.pem is not there",
        '6: kafka[3].name: "a" is the name of another target, on line 5',
        "8: sqs[0].region: missing",
        '9: sqs[1].region: "eu-west-11" is no region that AWS is known to have',
        "10: slack.token: missing",
        "10: slack.tokn: unknown key",
        '11: route.to: "webhook:hook" names no webhook',
        '13: limits[0].slo: "5" is not a duration',
    ]


@pytest.mark.parametrize(
    "text",
    [
        "kafka: [{bootstrap: k:1, security: {protocol: SASL_SSL, mechanism: X, username: u, password: hunter2}}]",
        "kafka: [{bootstrap: k:1, security: {protocol: SSL, password: hunter2}}]",
        "kafka: [{bootstrap: k:1, security: {protocol: SASL_SSL, password: [hunter2]}}]",
        "kafka: [{bootstrap: k:1, security: {protocol: SASL_SSL, password: {a: hunter2}}}]",
        "kafka: [{bootstrap: k:1, security: {protocol: SASL_SSL, pasword:hunter2}}]",
        "kafka: [{bootstrap: k:1, security: {protocol: SASL_SSL, password: 'hunter2}}]",
        "kafka: [{bootstrap: k:1, security: {protocol: SASL_SSL, password: *hunter2}}]",
        "kafka: [{bootstrap: k:1, security: {protocol: SSL, key: '-----BEGIN PRIVATE KEY-----hunter2'}}]",
    ],
)
def test_no_message_quotes_a_secret(read: Any, text: str) -> None:
    assert "hunter2" not in "".join(mistakes(read, text))


@given(st.text(max_size=200))
def test_any_text_is_data_or_problems(text: str) -> None:
    document = parse(text)
    assert document.problems or document.data is None or isinstance(document.data, str | list | dict)


@given(
    st.recursive(
        st.none() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["kafka", "sqs", "limits", "audit", "name", "checks", "only"]), inner)
        ),
        max_leaves=12,
    )
)
def test_any_shape_is_a_configuration_or_mistakes(tmp_path_factory: pytest.TempPathFactory, data: object) -> None:
    path = tmp_path_factory.mktemp("shape") / "mqcanary.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    with contextlib.suppress(ConfigFileError):
        load(path)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for path, says in [(tmp_path / "none.yaml", "is not there"), (tmp_path, "is not a file")]:
        with pytest.raises(ConfigFileError, match=says):
            load(path)
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe4\n")
    with pytest.raises(ConfigFileError, match=r"latin.yaml:2: not UTF-8 text"):
        load(tmp_path / "latin.yaml")
    (tmp_path / "bomb.yaml").write_text(
        "a: &a [x, x]\n"
        + "\n".join(
            f"{c}: &{c} [*{p}, *{p}, *{p}, *{p}]" for p, c in zip("abcdefghijklm", "bcdefghijklmn", strict=True)
        )
    )
    with pytest.raises(ConfigFileError, match="more than 50000 values"):
        load(tmp_path / "bomb.yaml")


def test_the_schema_takes_what_we_take_and_refuses_what_we_refuse(read: Any) -> None:
    made = schema()
    validator = jsonschema.Draft202012Validator(made)
    jsonschema.Draft202012Validator.check_schema(made)
    good = "kafka: [{bootstrap: [k:1], groups: {exclude: x}}]\nlimits: [{checks: 'kafka/*', slo: 5m, 'off': true}]\n"  # YAML 1.2, as editors read it, has no such truth
    for text in (SAMPLE, good):
        read(text)
        assert not list(validator.iter_errors(yaml.safe_load(text)))
    for kind in made["$defs"].values():
        for told in kind["properties"].values():
            if "default" in told:
                validator.evolve(schema={**told, "$defs": made["$defs"]}).validate(told["default"])
    for text in ("kafka: [{bootsrap: k:1}]", "limits: [{checks: x, slow: 5m}]", "limits: [{slo: 5m}]", "sqs: [{}]"):
        assert list(validator.iter_errors(yaml.safe_load(text))), text


SECRETS = """
kafka:
- {bootstrap: k:1, security: {protocol: SASL_SSL, mechanism: PLAIN, username: u, password: "${NOBODY_SET_THIS}"}}
- {name: b, bootstrap: k:1, security: {protocol: SASL_SSL, mechanism: PLAIN, username: u, password: {file: nix}}}
- {name: c, bootstrap: k:1, security: {protocol: SASL_SSL, mechanism: PLAIN, username: u, password: hunter2}}
slack: {token: "${NO_TOKEN}"}
"""


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    written = runner.invoke(cli, ["config", "init"])
    assert "mqcanary.yaml is written" in written.output
    again = runner.invoke(cli, ["config", "init"])
    assert "is there already" in str(again.exception)
    checked = runner.invoke(cli, ["config", "check"])
    assert checked.output == "mqcanary.yaml: 1 cluster, 0 SQS targets, 1 override of limits\n"
    assert json.loads(runner.invoke(cli, ["config", "schema"]).output) == schema()
    (tmp_path / "s.yaml").write_text(SECRETS)
    secrets = runner.invoke(cli, ["config", "check", "s.yaml"])
    assert secrets.exit_code == 0
    assert secrets.stderr.splitlines() == [
        "mqcanary: s.yaml: environment variable NOBODY_SET_THIS is not set or empty: export it, or name another one for this secret",
        "mqcanary: s.yaml: file nix is not a file: mount the secret there, or name another path",
        "mqcanary: s.yaml: environment variable NO_TOKEN is not set or empty: export it, or name another one for this secret",
    ]
    words = ["checks", "explain", "kafka/group-lagging", "kafka://local/groups/nightly-1", "--config", "mqcanary.yaml"]
    assert "slo = 2 h  (mqcanary.yaml:30)" in runner.invoke(cli, words).output


def test_what_a_file_names_is_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("""\
kafka:
- {name: a, bootstrap: k:1, security: {protocol: SSL, ca: ca.pem, certificate: c.pem, key: k.pem}}
listen:
  certificate: m.yaml
  key: l.pem
""")
    checked = CliRunner().invoke(cli, ["config", "check", "--config", str(path)])
    assert checked.exit_code != 0
    mend = "is not there; mount it there, or write another path"
    assert checked.exception is not None
    assert list(getattr(checked.exception, "lines", ())) == [
        f"{path}:2: kafka[0].security.ca: {tmp_path}/ca.pem {mend}",
        f"{path}:2: kafka[0].security.certificate: {tmp_path}/c.pem {mend}",
        f"{path}:2: kafka[0].security.key: {tmp_path}/k.pem {mend}",
        f"{path}:5: listen.key: {tmp_path}/l.pem {mend}",
    ]


def test_entries_that_do_nothing_are_said(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("""\
kafka: [{name: prod, bootstrap: k:1}]
ignore:
- {checks: kafka/*, reason: old, until: 2020-01-31}
- {checks: kafka/*, reason: typo, resources: kafka://prdo/groups/x}
limits:
- {checks: kafka/group-lagging, resources: "sqs://*", slo: 1h}
- {checks: kafka/group-lagging, resources: "kafka://pr*/groups/x", slo: 1h}
""")
    checked = CliRunner().invoke(cli, ["config", "check", str(path)])
    assert checked.exit_code == 0
    target = "is on no target of this file: write the name of one, or delete it"
    assert checked.stderr.splitlines() == [
        "mqcanary: m.yaml:3: this ignore ended on 2020-01-31: write another until, or delete it",
        f"mqcanary: m.yaml:6: sqs://* {target}",
        f"mqcanary: m.yaml:4: kafka://prdo/groups/x {target}",
    ]


def test_a_condition_on_the_root_route_is_refused(read: Any) -> None:
    told = mistakes(read, 'kafka: [{bootstrap: "k:9092"}]\nroute:\n  to: console\n  severity: critical\n')
    assert told == ["4: route.severity: the first route is for everything; write this under routes:"]
