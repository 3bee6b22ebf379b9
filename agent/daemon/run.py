"""From a configuration to a running agent, and from a signal to its end."""

import math
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED  # type: ignore[import-untyped]
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]

from agent.collect.building import DEFAULT_DEADLINE, Watched, build
from agent.config.model import Config
from agent.config.running import ApiSection, Running
from agent.cycle import House, Look, Settings
from agent.daemon.heartbeat import beat, trouble
from agent.daemon.judge import Clock, Judge
from agent.daemon.looking import Looker
from agent.daemon.memory import remembered, spoken
from agent.daemon.sending import Senders
from agent.errors import MqcanaryError
from agent.metrics import Exposition, exposition
from agent.metrics import Options as MetricOptions
from agent.store.database import Store
from agent.store.folder import Folder, network
from agent.store.frames import Frames
from agent.store.place import tell_url
from agent.store.published import publish
from agent.store.samples import salt, sampling_of, sweep
from agent.view import Good, TargetView, View
from agent.web import WebOptions, WebServer
from agent.web.api import ApiOptions, ApiServer
from agent.web.listener import stop_all
from alerts.outbox import recover
from alerts.sinks.sink import MessageSink
from checks import all_checks
from checks.check import Tier
from checks.facts import Address, Snapshot
from checks.questions import Questions

DRAIN = 6.0
"""Seconds for what is due when the agent is stopped, from the signal on; `docker stop` kills after 10."""
LEAST_DRAIN = 1.0
"""Seconds for it, even where a big target was judged for long before the signal was heard."""
RENDER = 10.0
"""Seconds until metrics are rendered again although nothing happened: some of them are times."""
PUBLISH = 30.0
"""Seconds until the view is written again although nothing happened."""

log = structlog.get_logger("agent")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line adds to a configuration."""

    state: Path
    read: Callable[[], Config]
    """Reads the configuration again, for SIGHUP."""
    write: Callable[[str], None] = print
    """Where the console sink writes."""
    clock: Callable[[], float] | None = None


class Daemon:
    """One agent. `run` returns when it was stopped.

    Raises:
        ConfigError: the state directory can't be used, or the listener's address is taken.
    """

    def __init__(self, config: Config, options: Options) -> None:
        self._options = options
        self._folder = Folder(options.state)
        kind = network(options.state)
        if kind:
            log.warning("network file system", state=str(options.state), kind=kind, log="rollback journal")
        mode = "delete" if kind else "wal"
        self._store = Store(options.state / "state.db", mode)
        self._frames = Frames(options.state / "history.db", mode)
        self._salt = salt(options.state)
        sweep(options.state)
        self._clock = Clock(options.clock) if options.clock else Clock()
        self.started = self._clock()
        house = House(
            checks=tuple(check for check in all_checks() if check.tier is Tier.DEFAULT),
            limits=config.limits,
            policy=config.running.policy,
            state=recover(self._store.state),
            history=self._frames.load(self.started),
        )
        self._lookers: dict[str, Looker] = {}
        self._config = config
        self._config_ok = True
        self._view = View(at=self.started, started=self.started)
        self._shown: tuple[object, ...] = (None, None, None, None)
        self._exposition: Exposition | None = None
        self._rendered = -RENDER
        self._web: WebServer | None = None
        self._api: ApiServer | None = None
        self.judge = Judge(house, self._folder, self._store, self._frames, self._clock, self._publish)
        self._bell = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._bell.add_listener(self._not_rung, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._stopping = threading.Event()
        self._end_at = math.inf
        self._settling = threading.Lock()

    def view(self) -> View:
        """The latest picture, for readers in other threads."""
        return self._view

    def exposition(self) -> Exposition:
        """The latest metrics, rendered once for all scrapers."""
        made = self._exposition
        return made if made is not None else exposition(self._view, self._clock(), MetricOptions())

    @property
    def url(self) -> str:
        """Of the status page; empty while nothing listens."""
        return self._web.url if self._web is not None else ""

    def stop(self) -> None:
        """Asks `run` to end; for signal handlers and other threads."""
        self._end_at = min(self._end_at, time.monotonic() + DRAIN)
        self._stopping.set()
        self.judge.stop()

    def reload(self) -> None:
        """Reads the configuration again; a bad one is refused while the old one goes on."""
        with self._settling:
            if self._stopping.is_set():
                return
            try:
                config = self._options.read()
            except MqcanaryError as error:
                self._config_ok = False
                log.error("configuration refused", error=str(error))  # noqa: TRY400 - the user's to mend
                return
            self._config_ok = True
            self._settle_in(config)
        log.info("configuration read again")

    def run(self) -> None:
        """Until `stop`.

        Raises:
            ConfigError: its address can't be listened on.
        """
        self._listen()
        self._bell.start()
        with self._settling:
            self._settle_in(self._config)
        heart = (self._stopping, lambda: self._config.running.heartbeat, self._trouble)
        threading.Thread(target=beat, args=heart, name="heartbeat", daemon=True).start()
        api = {"api": self._api.url} if self._api is not None else {}
        log.info("started", url=self.url, state=str(self._options.state), targets=len(self._lookers), **api)
        try:
            self.judge.run()
        finally:
            self._end()

    def _end(self) -> None:
        if self._bell.running:
            self._bell.shutdown(wait=False)
        for looker in self._lookers.values():
            looker.stop()
        self.judge.drain(min(DRAIN, max(LEAST_DRAIN, self._end_at - time.monotonic())))
        house = self.judge.house
        publish(self._folder.path, house.state, self._clock(), observe=house.policy.observe)
        waiting = len(self.judge.house.state.deliveries)
        stop_all([listener for listener in (self._web, self._api) if listener is not None])
        self.close()
        log.info("stopped", waiting=waiting)

    def close(self) -> None:
        """Lets go of the state directory."""
        self._store.close()
        self._frames.close()
        self._folder.close()

    def _listen(self) -> None:
        listen, every = self._config.running.listen, self._config.running.every
        host, port = listen.address
        options = WebOptions(host, port, listen.certificate, listen.key, listen.token, max_age=max(60.0, 3 * every))
        places = lambda: tuple(self._lookers)  # noqa: E731 - asked for at each request
        web = WebServer(options, self.view, self.exposition, clock=self._clock, places=places)
        try:
            web.start()
            if self._config.running.api is not None:
                self._api = self._door(self._config.running.api)
                self._api.start()
        except MqcanaryError:
            web.stop()
            self.close()
            raise
        self._web = web
        tell_url(self._folder.path, web.url)

    def _door(self, section: ApiSection) -> ApiServer:
        host, port = section.address
        options = ApiOptions(host, port, section.certificate, section.key, section.read_token, section.operate_token)
        return ApiServer(options, self.view, self._folder.path, lambda: self.judge.house.policy)

    # ── configuration ──

    def _settle_in(self, config: Config) -> None:
        """Takes a configuration as the one in force."""
        if (config.running.listen, config.running.api) != (self._config.running.listen, self._config.running.api):
            log.warning("it goes on listening where it did: restart it to change that", url=self.url)
        if config.running.state != self._config.running.state:
            log.warning("it keeps its state where it did: restart it to change that", state=str(self._options.state))
        self._config = config
        questions = Questions(all_checks(), config.limits, clear=True)
        watched = self._build(config, questions)
        before, self._lookers = self._lookers, {}
        for looker in before.values():
            looker.stop()
        former = self.judge.senders
        self.judge.senders = Senders(
            sinks(config.running, self._options.write), self.judge.answered, observe=config.running.policy.observe
        )
        if former is not None:
            self.judge.senders.delivered = former.delivered
        for job in self._bell.get_jobs():
            job.remove()
        for number, one in enumerate(watched):
            place = f"{'kafka' if number < len(config.kafka) else 'sqs'}:{one.collector.place}"
            before_it = remembered(self.judge.house.state, place)
            looker = Looker(self._maker(config, questions, number), self._looked, place, before_it, self._spoken)
            if place in before:
                looker.follow(before[place])
            self._lookers[place] = looker
            looker.start()
            self._bell.add_job(
                looker.ring,
                "interval",
                id=place,
                seconds=config.running.every,
                jitter=max(1, int(config.running.every / 10)) if config.running.every >= 5 else None,
                next_run_time=datetime.now(UTC),
            )
        places = frozenset(self._lookers)
        self.judge.put(Settings(config.limits, config.running.policy, places))

    def _build(self, config: Config, questions: Questions) -> list[Watched]:
        sampling = lambda target: sampling_of(target, self._options.state, self._salt)  # noqa: E731 - as an argument
        return list(build(config.kafka, config.sqs, questions, deadline=DEFAULT_DEADLINE, keep=True, sampling=sampling))

    def _maker(self, config: Config, questions: Questions, number: int) -> Callable[[], Watched]:
        """Builds the collector of one target of a configuration, as often as it has to be built anew."""
        return lambda: self._build(config, questions)[number]

    def _looked(self, looker: Looker, snapshot: Snapshot) -> None:
        if self._lookers.get(looker.place) is looker:
            self.judge.put(Look(snapshot, looker.place))

    def _spoken(self) -> frozenset[Address]:
        return spoken(self.judge.house.state)

    def _not_rung(self, event: Any) -> None:
        """A job that could not run: the bell for a target was not rung."""
        looker = self._lookers.get(event.job_id)
        if looker is not None:
            looker.stats.overruns += 1
        error = getattr(event, "exception", None)
        log.warning("the bell was not rung", place=event.job_id, error=type(error).__name__ if error else "too late")

    def _trouble(self) -> str:
        """Why the heartbeat has to stop."""
        patience = {place: looker.patience for place, looker in list(self._lookers.items())}
        return trouble(self._view, patience, self._clock())

    # ── what others read ──

    def _publish(self, house: House, now: float) -> None:
        """After each batch of events, in the judge's thread."""
        senders = self.judge.senders
        lookers = list(self._lookers.items())
        rung = now - max((time.monotonic() - looker.rung for _, looker in lookers), default=now)
        shown = (house, self._config_ok, senders.delivered if senders else None, self.judge.trouble)
        if any(new is not old for new, old in zip(shown, self._shown, strict=True)):
            self._shown = shown
            self._view = View(
                at=now,
                targets={address: self._target(house, address) for address in house.watches},
                state=house.state,
                judged=now,
                started=self.started,
                observe=house.policy.observe,
                calls={
                    (self._name(house, place), operation, result): count
                    for place, looker in lookers
                    for (operation, result), count in looker.calls().items()
                },
                requests={
                    (self._name(house, place), server): count
                    for place, looker in lookers
                    for server, count in looker.servers().items()
                },
                throttled={
                    (self._name(house, place), server): milliseconds
                    for place, looker in lookers
                    for server, milliseconds in looker.throttles().items()
                },
                budgets={
                    self._name(house, place): looker.budget for place, looker in lookers if looker.budget is not None
                },
                delivered=senders.delivered if senders else {},
                config_ok=self._config_ok,
                saved=not self.judge.trouble,
                every=self._config.running.every,
                rung=rung,
            )
        else:
            self._view = replace(self._view, judged=now, rung=rung)
        monotonic = time.monotonic()
        if self._shown is shown or monotonic - self._rendered >= RENDER:
            self._render(now)
            self._rendered = monotonic
        # Ten thousand alerts are 5 MB: it takes a twentieth of the time, at most. And now and then without a change, so
        # that who reads it can tell a quiet agent from one that stands still.
        if monotonic >= self._publish_at and (
            house.state is not self._published_state or monotonic >= self._publish_at + PUBLISH
        ):
            self._published_state = house.state
            before = time.monotonic()
            publish(self._folder.path, house.state, now, observe=house.policy.observe)
            self._publish_at = before + 20 * (time.monotonic() - before)

    _published_state: object = None
    _publish_at: float = 0.0
    _not_rendered: str = ""

    def _render(self, now: float) -> None:
        """In the judge's thread alone: facts are computed when they are first asked for.

        Metrics that can't be made are a bug of ours, and no reason to tell nobody anything: the former ones stay.
        """
        options = MetricOptions(self._config.running.listen.partitions)
        try:
            self._exposition = exposition(self._view, now, options, self._exposition)
        except Exception as error:
            if self._not_rendered != repr(error):
                log.exception("metrics can't be made: please report this")
            self._not_rendered = repr(error)
        else:
            self._not_rendered = ""

    def _target(self, house: House, address: Address) -> TargetView:
        watch, good = house.watches[address], house.good.get(address)
        looker = self._lookers.get(watch.place)
        stats = looker.stats if looker else None
        return TargetView(
            address=address,
            place=watch.place,
            snapshot=watch.snapshot,
            facts=watch.facts,
            report=watch.report,
            good=Good(good.snapshot, good.facts, good.report) if good else None,
            every=self._config.running.every,
            took=stats.took if stats else 0.0,
            looks=stats.looks if stats else 0,
            failures=stats.failures if stats else 0,
            misses=stats.misses if stats else 0,
            overruns=stats.overruns if stats else 0,
        )

    def _name(self, house: House, place: str) -> str:
        """The address of a target that may not have told it yet."""
        known = next((str(address) for address, watch in house.watches.items() if watch.place == place), "")
        return known or place


def sinks(running: Running, write: Callable[[str], None]) -> Mapping[str, MessageSink]:
    """The sinks of a configuration, by name. Their clients are imported only where they are used."""
    from alerts.sinks.console import ConsoleSink  # noqa: PLC0415

    made: dict[str, MessageSink] = {"console": ConsoleSink(write)}
    if running.slack_token is not None:
        from alerts.sinks.slack import SlackSink  # noqa: PLC0415 - loads slack_sdk

        made["slack"] = SlackSink(running.slack_token.reveal, base_url=running.slack_url or None)
    for name, url in running.webhooks.items():
        from alerts.sinks.webhook import WebhookSink  # noqa: PLC0415

        made[f"webhook:{name}"] = WebhookSink(url.reveal)
    return made


def handle_signals(daemon: Daemon) -> None:
    """SIGTERM and SIGINT end it, SIGHUP reads the configuration again; for the main thread."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.stop())
    signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=daemon.reload, daemon=True).start())
