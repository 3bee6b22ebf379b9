"""What a configuration file may hold, and what it becomes."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from agent.collect.kafka.msk import MskIam
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.collect.kafka.tokens import ClientCredentials, GivenToken, TokenSource
from agent.config.reading import quoted
from agent.config.running import (
    AlertSection,
    ApiSection,
    DigestSection,
    HeartbeatSection,
    ListenSection,
    OwnerSection,
    RouteSection,
    Running,
    SlackSection,
    StateFolder,
    WebhookSection,
)
from agent.config.section import Resources, Section, url
from agent.config.values import (
    NAMES_SCHEMA,
    Budget,
    Count,
    Deadline,
    Duration,
    File,
    Key,
    Level,
    Names,
    Pem,
    SecretText,
    Text,
    Truth,
)
from agent.config.values import names as read_names
from agent.config.values import text as read_text
from agent.errors import ConfigError
from checks.check import Severity
from checks.ignores import Ignore, day
from checks.limits import Limits, Override
from checks.pattern import Pattern

Endpoint = tuple[str, int]

_PASSWORDS = (Mechanism.PLAIN, Mechanism.SCRAM_SHA_256, Mechanism.SCRAM_SHA_512)
_MECHANISMS = {
    "username": _PASSWORDS,
    "password": _PASSWORDS,
    "token": (Mechanism.OAUTHBEARER,),
    "oauth": (Mechanism.OAUTHBEARER,),
    "extensions": (Mechanism.OAUTHBEARER,),
    "msk": (Mechanism.AWS_MSK_IAM,),
}
"""Keys of security, and the mechanisms that they are for."""


def read_endpoints(value: object) -> tuple[Endpoint, ...]:
    """Reads `host:port,host:port`, or a list of them; IPv6 in brackets."""
    found: list[Endpoint] = []
    for part in (part.strip() for one in read_names(value) for part in one.split(",")):
        host, _, port = part.rpartition(":")
        bare = not re.search(r"[\s/@]", host) and (":" not in host or re.fullmatch(r"\[[0-9A-Fa-f:.%\w]+\]", host))
        if not host or not bare or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 0 < int(port) < 65536:
            raise ValueError(f"{quoted(part)} is not HOST:PORT; write kafka-1:9092")
        found.append((host.removeprefix("[").removesuffix("]"), int(port)))
    if not found:
        raise ValueError("no broker; write kafka-1:9092")
    return tuple(found)


def _target(value: str) -> str:
    if "/" in value:
        raise ValueError(f"{quoted(value)} has a /, which parts an address; leave it out")
    return value


def _protocol(value: object) -> Protocol:
    try:
        return Protocol(read_text(value).upper())
    except ValueError:
        raise ValueError(f"not a protocol; write one of {', '.join(Protocol)}") from None


def _mechanism(value: object) -> Mechanism:
    try:
        return Mechanism(read_text(value).upper())
    except ValueError:
        raise ValueError(f"not a mechanism; write one of {', '.join(Mechanism)}") from None


def _region(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", value, re.ASCII):
        raise ValueError(f"{quoted(value)} is not a region; write us-east-1")
    return value


def _role(value: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+", value, re.ASCII):
        raise ValueError(f"{quoted(value)} is not a role; write arn:aws:iam::123456789012:role/NAME")
    return value


Bootstrap = Annotated[tuple[Endpoint, ...], PlainValidator(read_endpoints), WithJsonSchema(NAMES_SCHEMA)]
Target = Annotated[Text, AfterValidator(_target)]


class NameChoice(Section):
    """Which names are judged: globs."""

    include: Names = ("*",)
    """Names that are looked at."""
    exclude: Names = ()
    """Names that are left out, of those included."""


class OauthSection(Section):
    """A token endpoint, asked with the client credentials grant (RFC 6749). A token is kept until shortly before its end."""

    url: Text
    """Where tokens are given: https, or http on this machine itself."""
    client_id: Text
    """Of mqcanary, as the endpoint knows it."""
    client_secret: SecretText
    """Sent to the endpoint alone."""
    scope: Text = ""
    """What is asked for, where the endpoint wants to hear it."""
    ca: Pem = ""
    """Certificates of those who may sign the endpoint's own: a PEM file, or PEM itself. Not given: those of the system."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        try:
            self.build()
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self

    def build(self) -> ClientCredentials:
        return ClientCredentials(**{name: getattr(self, name) for name in type(self).model_fields})


def _with_role(external_id: str | None, role_arn: str | None) -> None:
    if external_id and not role_arn:
        raise ValueError("external_id without a role; write role_arn: arn:aws:iam::123456789012:role/NAME")


class MskSection(Section):
    """IAM access control of Amazon MSK, with the usual AWS credentials."""

    region: Annotated[Text, AfterValidator(_region)]
    """Of the cluster."""
    profile: Text | None = None
    """Of the AWS configuration files, for credentials."""
    role_arn: Annotated[Text, AfterValidator(_role)] | None = None
    """A role to assume."""
    external_id: Text | None = None
    """What the role asks for beside it."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        _with_role(self.external_id, self.role_arn)
        return self

    def build(self) -> MskIam:
        return MskIam(**{name: getattr(self, name) for name in type(self).model_fields})


class SecuritySection(Section):
    """How a cluster is reached, and as whom."""

    protocol: Annotated[Protocol, PlainValidator(_protocol), WithJsonSchema({"enum": [str(one) for one in Protocol]})]
    """As security.protocol of Kafka's clients."""
    mechanism: Annotated[
        Mechanism | None, PlainValidator(_mechanism), WithJsonSchema({"enum": [str(one) for one in Mechanism]})
    ] = None
    """Of SASL."""
    username: Text = ""
    """For PLAIN and SCRAM."""
    password: SecretText | None = None
    """For PLAIN and SCRAM."""
    token: SecretText | None = None
    """For OAUTHBEARER: a token that somebody else renews, as in a file; read anew at every connect."""
    oauth: OauthSection | None = None
    """For OAUTHBEARER: who gives tokens."""
    extensions: dict[Text, Text] = Field(default_factory=dict)
    """For OAUTHBEARER: what the broker wants to hear beside the token, as `logicalCluster` and `identityPoolId`."""
    msk: MskSection | None = None
    """For AWS_MSK_IAM."""
    ca: Pem = ""
    """Certificates of those who may sign the brokers' own: a PEM file, or PEM itself. Not given: those of the system."""
    certificate: Pem = ""
    """For mutual TLS: a PEM file, or PEM itself."""
    key: Key | None = None
    """Private key of the certificate: a PEM file, or as any secret."""
    key_password: SecretText | None = None
    """Of a private key that is encrypted."""
    verify_hostname: Truth = True
    """Whether a broker's certificate has to be of the name it was reached by."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        written = self.model_fields_set
        if not self.protocol.sasl and (spare := written & {"mechanism", *_MECHANISMS}):
            other = Protocol.of(tls=self.protocol.tls, sasl=True)
            raise ValueError(
                f"protocol {self.protocol} has no use for {', '.join(sorted(spare))}; write protocol: {other}"
            )
        other_keys = set(_MECHANISMS) - {key for key, whose in _MECHANISMS.items() if self.mechanism in whose}
        if self.mechanism and (spare := written & other_keys):
            other_one = _MECHANISMS[min(spare)][-1]
            raise ValueError(
                f"mechanism {self.mechanism} has no use for {', '.join(sorted(spare))}; write mechanism: {other_one}"
            )
        if self.token is not None and self.oauth is not None:
            raise ValueError("both token and oauth; write one of them")
        tls = {"ca", "certificate", "key", "key_password", "verify_hostname"}
        if not self.protocol.tls and (spare := written & tls):
            other = Protocol.of(tls=True, sasl=self.protocol.sasl)
            raise ValueError(
                f"protocol {self.protocol} has no use for {', '.join(sorted(spare))}; write protocol: {other}"
            )
        if self.key is not None and not self.certificate:
            raise ValueError("a key without a certificate; write certificate: client.pem")
        try:
            self.build()
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self

    def build(self) -> Security:
        same = set(type(self).model_fields) - {"token", "oauth", "extensions", "msk"}
        return Security(
            **{name: getattr(self, name) for name in same},
            tokens=self._tokens(),
            extensions=tuple(self.extensions.items()),
        )

    def _tokens(self) -> TokenSource | None:
        if self.token is not None:
            return GivenToken(self.token)
        section = self.oauth or self.msk
        return None if section is None else section.build()


class SampleSection(Section):
    """The newest records of some topics are read now and then, for what their keys and batches show. Bodies are never kept,
    keys as salted hashes alone.
    """

    topics: Names
    """Globs of the topics that are read; needs READ on them."""
    budget: Budget | None = None
    """Bytes that may be read of each topic in an hour. Not given: 1MB."""


class KafkaSection(Section):
    """A Kafka cluster."""

    name: Target = ""
    """What the cluster is called in addresses: kafka://NAME. Not given: its own id."""
    bootstrap: Bootstrap = ()
    """Brokers to begin with, as HOST:PORT; the others are learnt from them."""
    properties: File | None = None
    """A client.properties of Java clients, instead of security; it may name the brokers too."""
    security: SecuritySection | None = None
    """How it is reached, and as whom. Not given: PLAINTEXT."""
    topics: NameChoice = NameChoice()
    """Which topics are judged. What platforms make is left out unless `include` names it; `mqcanary checks list` shows what that is."""
    groups: NameChoice = NameChoice()
    """Which consumer groups are judged."""
    sample: SampleSection | None = None
    """Of which topics records are read. Not given: of none."""
    deadline: Deadline | None = None
    """How long one look may take. Not given: 30 s."""
    requests: Count | None = None
    """How many requests each broker may be asked in one look; what is left is a gap. Not given: as many as it takes."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.properties and self.security:
            raise ValueError("both properties and security; write one of them")
        if not self.bootstrap and not self.properties:
            raise ValueError("no brokers; write bootstrap: [kafka-1:9092]")
        return self


class SqsTarget(Section):
    """The queues of an account and region."""

    region: Annotated[Text, AfterValidator(_region)]
    """Of AWS."""
    name: Target = ""
    """What the target is called in addresses: sqs://NAME. Not given: account and region."""
    prefix: Text = ""
    """Only queues whose names begin so; AWS is asked for no others."""
    queues: Names = ()
    """Only these queues, by name: nothing is listed."""
    tags: dict[Text, Text] = Field(default_factory=dict)
    """Only queues that have all these tags."""
    read_tags: Truth = False
    """Whether tags of queues count: owner, for routes, and mqcanary:ignore. Needs tag:GetResources."""
    role_arn: Annotated[Text, AfterValidator(_role)] | None = None
    """A role to assume."""
    external_id: Text | None = None
    """What the role asks for beside it."""
    profile: Text | None = None
    """Of the AWS configuration files, for credentials."""
    endpoint_url: Annotated[Text, AfterValidator(url)] | None = None
    """Another address than AWS's own, as of a local server."""
    include: Names = ("*",)
    """Names that are looked at."""
    exclude: Names = ()
    """Names that are left out, of those included."""
    deadline: Deadline | None = None
    """How long one look may take. Not given: 30 s."""

    @model_validator(mode="after")
    def _unambiguous(self) -> Self:
        ways = [name for name in ("prefix", "queues", "tags") if getattr(self, name)]
        if len(ways) > 1:
            raise ValueError(f"both {ways[0]} and {ways[1]}; write one of them, and include or exclude beside it")
        _with_role(self.external_id, self.role_arn)
        return self


class LimitSection(Section):
    """Limits of checks for some resources; what is not named here is a limit of a check, and read by its kind."""

    model_config = ConfigDict(extra="allow")

    checks: Text
    """Ids of checks: one, or a glob."""
    resources: Resources = Pattern()
    """A glob of addresses: kafka://prod/groups/nightly-*."""
    off: Truth | None = None
    """Whether these checks leave these resources alone."""
    severity: Level | None = None
    """Instead of the check's own."""
    after: Duration | None = None
    """Patience before a problem is told, instead of the check's own."""


def _day(value: object) -> date:
    found = day(read_text(value))
    if found is None:
        raise ValueError(f"{quoted(value)} is no date; write 2027-01-31")
    return found


class IgnoreSection(Section):
    """Findings that are counted and listed, and neither fail nor alert."""

    checks: Text
    """Ids of checks: one, or a glob."""
    resources: Resources = Pattern()
    """A glob of addresses."""
    reason: Text
    """Why; the reports that list ignores show it (json, sarif, junit, html)."""
    until: Annotated[date, PlainValidator(_day), WithJsonSchema({"type": "string", "format": "date"})] | None = None
    """The last day on which it holds, as 2027-01-31. Not given: it has no end."""

    def build(self, origin: str) -> Ignore:
        return Ignore((self.checks,), self.resources, self.reason, self.until, origin)


class Audit(Section):
    """What `mqcanary audit` takes for granted, unless an option says otherwise."""

    fail_on: Literal["info", "warning", "critical", "never"] = "warning"
    """The least severity that ends the audit with exit code 1."""
    only: Names = ()
    """Globs of the checks that run."""
    skip: Names = ()
    """Globs of checks that don't."""

    @property
    def threshold(self) -> Severity | None:
        """The least severity that fails; None: no finding does."""
        return None if self.fail_on == "never" else Severity[self.fail_on.upper()]


class FileSection(Section):
    """What mqcanary watches, and by which limits."""

    kafka: tuple[KafkaSection, ...] = ()
    """Clusters."""
    sqs: tuple[SqsTarget, ...] = ()
    """Accounts and regions with queues."""
    limits: tuple[LimitSection, ...] = ()
    """Limits of checks, for all resources or some; later wins, key by key."""
    ignore: tuple[IgnoreSection, ...] = ()
    """Findings that a team chose to live with."""
    audit: Audit = Audit()
    """For mqcanary audit alone."""
    mode: Literal["act", "observe"] = "act"
    """observe delivers nothing, and logs what would have been told."""
    every: Deadline = timedelta(seconds=30)
    """Time between two looks at a target."""
    state: StateFolder = None
    """The state directory: alerts, silences, messages under way. One for each agent."""
    slack: SlackSection | None = None
    """The bot that posts, for destinations slack:#channel."""
    webhooks: dict[Text, WebhookSection] = Field(default_factory=dict)
    """Incoming webhooks by name, for destinations webhook:NAME."""
    route: RouteSection = RouteSection()
    """Whom to tell. Not given: the console."""
    owners: tuple[OwnerSection, ...] = ()
    """Whose resources are, for routes and reports; later wins."""
    alerts: AlertSection = AlertSection()
    """How patient, and how many at once."""
    digest: DigestSection = DigestSection()
    """When configuration findings are told."""
    listen: ListenSection = ListenSection()
    """Where metrics and pages are served."""
    api: ApiSection | None = None
    """For commands from elsewhere. Not given: nobody may."""
    heartbeat: HeartbeatSection | None = None
    """A dead man's switch."""


@dataclass(frozen=True, slots=True)
class KafkaTarget:
    """A cluster, ready to be reached: what its client.properties say is in `bootstrap` and `security`."""

    bootstrap: tuple[Endpoint, ...]
    name: str
    """Empty: the cluster's own id."""
    security: Security
    topics: NameChoice
    groups: NameChoice
    deadline: timedelta | None
    ignored: tuple[str, ...] = ()
    """Keys of the client.properties that mean nothing here."""
    sample: SampleSection | None = None
    scope: tuple[str, ...] = ()
    """Names or globs of groups that alone are looked at, without listing; empty: all that may be seen."""
    requests: int | None = None
    """That a broker may be asked in one look; None: as many as it takes."""


@dataclass(frozen=True, slots=True)
class Config:
    """A whole file."""

    path: Path
    kafka: tuple[KafkaTarget, ...]
    sqs: tuple[SqsTarget, ...]
    overrides: tuple[Override, ...]
    limits: Limits
    audit: Audit
    running: Running
    """What `mqcanary run` needs beside the targets."""
