"""The queues of one account and region, one cycle: a snapshot, always. It never receives a message."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from agent.collect.aws import rights
from agent.collect.aws.queue import elsewhere, typed
from agent.collect.aws.session import Session, opened
from agent.collect.aws.tags import Tagging, Tags, told
from agent.collect.targets import Calls
from checks.facts import Absence, Account, Listing, Queue, SqsSnapshot, Unknown, Why, unseen_sqs

_PAGE = 1000
SESSION = 900.0
"""Seconds for which clients are kept: an assumed role lasts an hour, and secrets are read again."""
_FOR_EACH = 20
"""Queues for each connection, where there are few: making one costs more than some calls."""
_LEAST = 3
"""Connections, so that one queue that does not answer holds up nobody."""
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_BAD_KEYS = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"}
_NO_QUEUE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


@dataclass(frozen=True, slots=True)
class SqsSettings:
    region: str
    name: str = ""
    """Empty: account and region."""
    prefix: str = ""
    queues: tuple[str, ...] = ()
    """Explicit names; then nothing is listed."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Only queues that carry all of them."""
    read_tags: bool = False
    """Whether tags are read that say something of the queue: whose it is, what to ignore."""
    endpoint_url: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    threads: int = 8

    def has(self, name: str) -> bool:
        wanted = any(fnmatchcase(name, glob) for glob in self.include)
        return wanted and not any(fnmatchcase(name, glob) for glob in self.exclude)

    @property
    def partial(self) -> bool:
        """Whether there may be queues that are not looked at by intent."""
        return bool(self.prefix or self.queues or self.tags or self.exclude or self.include != ("*",))


class SqsCollector:
    """Asks for every queue's attributes, several at once; one queue's failure stays with that queue."""

    def __init__(self, settings: SqsSettings, clock: Callable[[], float] = time.time) -> None:
        self.calls = Calls()
        self._settings = settings
        self._clock = clock
        self._kept: tuple[Session, float] | None = None
        self.tagging = Tagging()

    @property
    def settings(self) -> SqsSettings:
        return self._settings

    @property
    def place(self) -> str:
        return self._settings.name or self._settings.region

    def unseen(self, unknown: Unknown) -> SqsSnapshot:
        return unseen_sqs(self.place, self._clock(), unknown)

    def close(self) -> None:
        """No look comes any more; one that runs ends by itself."""
        self._kept = None

    def collect(self, previous: SqsSnapshot | None, deadline: float) -> SqsSnapshot:
        """Never raises for what is outside; `deadline` in seconds."""
        try:
            look = Look(self._settings, self._session(deadline), self._clock, deadline)
        except Exception as error:  # noqa: BLE001 - botocore has no common ancestor for profiles, regions and endpoints
            role = self._settings.role_arn
            right = rights.ASSUME_ROLE.on(role) if role else ""
            return self.unseen(reason(error, f"the role {role}" if role else f"AWS in {self._settings.region}", right))
        snapshot = look.snapshot(previous, self)
        unread = [queue for queue in snapshot.queues.items.values() if isinstance(queue, Unknown)]
        nothing = len(unread) == len(snapshot.queues.items)
        if nothing and any(one.why is Why.DENIED for one in (*snapshot.queues.blind, *unread)):
            self._kept = None  # other credentials may be there by the next look
        return snapshot

    def _session(self, deadline: float) -> Session:
        """Clients cost 50 ms of CPU each, so they are kept for some looks."""
        now = time.monotonic()
        if self._kept is None or now - self._kept[1] > SESSION:
            s = self._settings
            session = opened(
                s.region, s.profile, s.role_arn, s.external_id, s.endpoint_url, s.threads, deadline, self.calls
            )
            self._kept = session, now
        return self._kept[0]


class Look:
    """One cycle."""

    def __init__(self, settings: SqsSettings, session: Session, clock: Callable[[], float], deadline: float) -> None:
        self.settings = settings
        self.session = session
        self.sqs = session.client("sqs")
        self.endpoint = elsewhere(self.sqs.meta.endpoint_url)
        self.clock = clock
        self.end = time.monotonic() + deadline

    def snapshot(self, previous: SqsSnapshot | None, collector: SqsCollector) -> SqsSnapshot:
        at = self.clock()
        names, blind = self.discover()
        if blind and not names and (previous is None or not previous.queues.items):
            return collector.unseen(blind[0])
        chosen = {name: url for name, url in names.items() if self.settings.has(name)}
        for name in self.missed(previous, names):
            url = self.url(name)
            if not isinstance(url, str) or not self.settings.tags:
                chosen[name] = url
        items = self.attributes({name: url for name, url in chosen.items() if isinstance(url, str)})
        items |= {name: url for name, url in chosen.items() if isinstance(url, Unknown)}
        if self.settings.read_tags:
            items = self.with_tags(items, collector.tagging)
        missing = chosen.keys() - items.keys()
        account = self.account(items.values())
        unread = [queue for queue in items.values() if isinstance(queue, Unknown)]
        if isinstance(account, Unknown) and len(unread) == len(items) and not missing and (blind or unread):
            return collector.unseen((*blind, *unread)[0])
        if missing and self.settings.queues:
            # Whoever names a queue expects it: else a slip of the pen would pass for an audit without findings.
            text = f"no queue here is called {', '.join(sorted(missing))}"
            blind = (*blind, Unknown(Why.UNREACHABLE, text, "check the names, the region and the account"))
        before = previous.queues.absent if previous else {}
        absent = {
            name: Absence(before[name].since, before[name].polls + 1) if name in before else Absence(at, 1)
            for name in sorted(missing)
        }
        target = self.settings.name or (
            self.settings.region if isinstance(account, Unknown) else f"{account.id}.{account.region}"
        )
        queues = Listing(
            {name: items[name] for name in sorted(items)}, blind, absent, sum(not self.settings.has(n) for n in names)
        )
        others, gone = self.others(items, account)
        before = previous.missing if previous else {}
        missed = {
            arn: Absence(before[arn].since, before[arn].polls + 1) if arn in before else Absence(at, 1) for arn in gone
        }
        return SqsSnapshot(target, at, account, queues, others, self.sources(queues), missed)

    # ── which queues there are ──

    def discover(self) -> tuple[dict[str, str | Unknown | None], tuple[Unknown, ...]]:
        """Name to what `url` says of it, and why the list may be incomplete."""
        if self.settings.queues:
            return {name: self.url(name) for name in self.settings.queues}, ()
        if self.settings.tags:
            return self.tagged()
        try:
            urls = self.session.queues(self.settings.prefix)
        except Exception as error:  # noqa: BLE001 - as above
            return {}, (reason(error, "the list of queues", rights.LIST_QUEUES.on()),)
        return {url.rpartition("/")[2]: url for url in urls}, ()

    def tagged(self) -> tuple[dict[str, str | Unknown | None], tuple[Unknown, ...]]:
        found = self.resources("the queues by tag", self.settings.tags)
        if isinstance(found, Unknown):
            return {}, (found,)
        return {name: self.url(name) for name in told(found)}, ()

    def resources(self, what: str, tags: Mapping[str, str]) -> list[Mapping[str, Any]] | Unknown:
        """The queues that have all these tags, and without any those that have or had one: as GetResources tells them."""
        if self.over:
            return _late(what)
        filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
        try:
            pages = (
                self.session.client("resourcegroupstaggingapi")
                .get_paginator("get_resources")
                .paginate(TagFilters=filters, ResourceTypeFilters=["sqs"], PaginationConfig={"PageSize": 100})
            )
            return [entry for page in pages for entry in page["ResourceTagMappingList"]]
        except Exception as error:  # noqa: BLE001 - as above
            return reason(error, what, rights.GET_RESOURCES.on())

    def tags(self) -> Mapping[str, Tags] | Unknown:
        """What the tags of all queues say, by name; a queue without any is not among them."""
        found = self.resources("the tags of queues", {})
        return found if isinstance(found, Unknown) else told(found)

    def with_tags(self, items: Mapping[str, Queue | Unknown], tagging: Tagging) -> dict[str, Queue | Unknown]:
        seen = {name: queue for name, queue in items.items() if not isinstance(queue, Unknown)}
        found = tagging.of(seen.keys(), self.tags, time.monotonic()) if seen else {}
        return {**items, **{name: replace(queue, tags=found[name]) for name, queue in seen.items()}}

    def url(self, name: str) -> str | Unknown | None:
        """None: there is no queue of this name."""
        if self.over:
            return _late(f"queue {name}")
        try:
            return str(self.sqs.get_queue_url(QueueName=name)["QueueUrl"])
        except Exception as error:  # noqa: BLE001 - as above
            return None if code(error) in _NO_QUEUE else reason(error, f"queue {name}", rights.GET_QUEUE_URL.on(name))

    def missed(self, previous: SqsSnapshot | None, names: Mapping[str, object]) -> list[str]:
        """Queues seen before and not listed now: a list can be late, so they are asked for by name."""
        if previous is None:
            return []
        return sorted((previous.queues.items.keys() | previous.queues.absent.keys()) - names.keys())

    # ── what they are ──

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.end

    def attributes(self, urls: Mapping[str, str]) -> dict[str, Queue | Unknown]:
        """Those that are there. Who does not answer is left at the deadline: the others have been read."""
        waiting = deque(urls.items())
        told: dict[str, Queue | Unknown | None] = {}
        whole = threading.Event()

        def work() -> None:
            while True:
                try:
                    name, url = waiting.popleft()
                except IndexError:
                    return
                told[name] = self.read(name, url)
                if len(told) == len(urls):
                    whole.set()

        # Daemons: an agent that is to end does not wait for a call that hangs.
        for _ in range(min(self.settings.threads, max(_LEAST, -(-len(urls) // _FOR_EACH)), len(urls))):
            threading.Thread(target=work, name=f"queues of {self.settings.region}", daemon=True).start()
        if urls:
            whole.wait(max(0.0, self.end - time.monotonic()))
        found = {name: told.get(name, _late(f"queue {name}")) for name in urls}
        return {name: queue for name, queue in found.items() if queue is not None}

    def read(self, name: str, url: str) -> Queue | Unknown | None:
        """None: it was deleted since it was listed."""
        if self.over:
            return _late(f"queue {name}")
        try:
            found = self.session.attributes(url)
        except Exception as error:  # noqa: BLE001 - as above
            if code(error) in _NO_QUEUE:
                return None
            return reason(error, f"queue {name}", rights.GET_QUEUE_ATTRIBUTES.on(name))
        try:
            return typed(name, url, found, self.clock(), self.endpoint)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            return Unknown(Why.UNSUPPORTED, f"queue {name} has attributes that can't be read: {error}")

    def others(
        self, items: Mapping[str, Queue | Unknown], account: Account | Unknown
    ) -> tuple[dict[str, Queue | Unknown], list[str]]:
        """Redrive targets that were not chosen: read where they are ours, known but unseen where they are not.

        Then the ARNs of those of ours that are not there, as AWS answers to their names.
        """
        queues = [queue for queue in items.values() if not isinstance(queue, Unknown)]
        arns = {
            q.redrive.dead_letter_arn for q in queues if q.redrive is not None and not isinstance(q.redrive, Unknown)
        }
        others: dict[str, Queue | Unknown] = {}
        gone: list[str] = []
        for arn in sorted(arns - {queue.arn for queue in queues}):
            _, _, _, region, owner, name = (arn.split(":", 5) + [""] * 6)[:6]
            if isinstance(account, Unknown) or (region, owner) != (account.region, account.id):
                others[arn] = Unknown(
                    Why.OFF, f"{name} belongs to account {owner} in {region}, which is not looked at here"
                )
                continue
            if isinstance(items.get(name), Unknown):
                others[arn] = items[name]
                continue
            url = self.url(name)
            found = self.read(name, url) if isinstance(url, str) else url
            if found is None:
                gone.append(arn)
            else:
                others[arn] = found
        return others, gone

    def sources(self, queues: Listing[Queue]) -> dict[str, tuple[str, ...] | Unknown]:
        """Who redrives into a queue, asked only where the policies seen can't prove that nobody does."""
        seen = [queue for queue in queues.items.values() if not isinstance(queue, Unknown)]
        whole = not self.settings.partial and not queues.blind and len(seen) == len(queues.items)
        if whole and not any(isinstance(queue.redrive, Unknown) for queue in seen):
            return {}
        policies = [q.redrive for q in seen if q.redrive is not None and not isinstance(q.redrive, Unknown)]
        targets = {policy.dead_letter_arn for policy in policies}
        return {q.name: self.sources_of(q) for q in seen if q.redrive is None and q.arn not in targets}

    def sources_of(self, queue: Queue) -> tuple[str, ...] | Unknown:
        if self.over:
            return _late(f"the sources of {queue.name}")
        try:
            pages = self.sqs.get_paginator("list_dead_letter_source_queues").paginate(
                QueueUrl=queue.url, PaginationConfig={"PageSize": _PAGE}
            )
            return tuple(sorted(url.rpartition("/")[2] for page in pages for url in page.get("queueUrls", ())))
        except Exception as error:  # noqa: BLE001 - as above
            return reason(error, f"the sources of {queue.name}", rights.LIST_SOURCES.on(queue.name))

    def account(self, queues: Iterable[Queue | Unknown]) -> Account | Unknown:
        for queue in queues:
            if not isinstance(queue, Unknown):
                parts = queue.arn.split(":")
                if len(parts) == 6:
                    return Account(parts[4], self.settings.region)
        if self.over:
            return _late("the account")
        try:
            return Account(str(self.session.client("sts").get_caller_identity()["Account"]), self.settings.region)
        except Exception as error:  # noqa: BLE001 - as above
            return reason(error, "the account")


def _late(what: str) -> Unknown:
    return Unknown(Why.DEADLINE, f"{what} was not read in time", "a longer --deadline")


def code(error: Exception) -> str:
    """AWS's code of an error; empty if it did not come from AWS."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def reason(error: Exception, what: str, right: str = "") -> Unknown:
    """Why something was not observed. What AWS says may quote identities, never secrets."""
    response = getattr(error, "response", None)
    kind, aws = type(error).__name__, code(error)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if aws in _EXPIRED:
            return Unknown(Why.DENIED, f"{what}: the AWS session token has expired", "log in again, or renew the token")
        if aws in _BAD_KEYS:
            return Unknown(Why.DENIED, f"{what}: AWS does not know these credentials ({aws})", "check the access key")
        if status == 403 or "AccessDenied" in aws:
            return Unknown(Why.DENIED, f"{what}: access denied", f"allow {right}" if right else "")
        return Unknown(Why.UNREACHABLE, f"{what}: {aws or 'error'} ({status})")
    if kind in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError"):
        close = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        return Unknown(Why.DENIED, f"{what}: no usable AWS credentials ({kind})", close)
    if "Timeout" in kind:
        close = "check region, endpoint and network, or give a longer --deadline"
        return Unknown(Why.DEADLINE, f"{what}: AWS did not answer in time", close)
    return Unknown(
        Why.UNREACHABLE, f"{what}: {' '.join(str(error).split()) or kind}", "check region, endpoint and network"
    )
