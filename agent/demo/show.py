"""The demo from its first line to its last: it plays the story, and shows what the channel shows."""

import time
from collections.abc import Callable, Iterator

from agent.config.loading import load
from agent.demo.screen import Screen
from agent.demo.slack import FakeSlack, Message, Workspace, as_text
from agent.demo.stage import Stage
from agent.demo.story import CHANNEL, STORY, Act, How, Told
from agent.errors import MqcanaryError

PATIENCE = 60.0
"""Seconds that an act waits at most, beyond its time, for what must be told."""
_LOOK = 0.25
"""Seconds between two looks at whether the processes live."""

Change = tuple[float, How, Message]


def play(
    screen: Screen, *, pace: float = 1.0, stay: bool = False, scene: Callable[[Act, str, str], None] | None = None
) -> None:
    """Plays the story; `pace` seconds of ours are one of the story's. `stay`: until Ctrl-C.

    `scene` is called at the end of each act, with the URLs of the status page and of the channel's page.

    Raises:
        MqcanaryError: a process ended, or something was not told.
    """
    screen.line("A simulated Kafka cluster, a local SQS server, a local Slack, and the agent that", "bold")
    screen.line("watches them: a real `mqcanary run`. All on 127.0.0.1, all ends with this.", "bold")
    with FakeSlack(_workspace()) as slack, Stage(slack.url, pace) as stage:
        channel = Channel(slack, stage, screen)
        _introduce(screen, slack, stage)
        begun = time.monotonic()
        for act in STORY:
            screen.act(act, time.monotonic() - begun)
            for deed in act.deeds:
                stage.do(deed)
            channel.follow(act, pace)
            if scene is not None:
                scene(act, stage.url, slack.page_url(CHANNEL))
        channel.sum()
        if stay:
            _stay(screen, slack, stage, channel)


def _workspace() -> Workspace:
    workspace = Workspace()
    workspace.add_token("xoxb-demo")
    workspace.add_channel("general")
    workspace.add_channel(CHANNEL)
    return workspace


def _introduce(screen: Screen, slack: FakeSlack, stage: Stage) -> None:
    _places(screen, slack, stage)
    screen.line()
    screen.line("Hours have to fit into 90 seconds, so some limits are shortened:")
    screen.limits(load(stage.configuration))


def _places(screen: Screen, slack: FakeSlack, stage: Stage) -> None:
    screen.line()
    screen.places(
        (
            ("Slack", f"{slack.page_url(CHANNEL)}?live"),
            ("status page", stage.url),
            ("metrics", f"{stage.url}metrics"),
            ("Kafka", stage.bootstrap),
            ("configuration", str(stage.configuration)),
            ("what fires", f"mqcanary alerts --watch --state {stage.state}"),
        )
    )


def _stay(screen: Screen, slack: FakeSlack, stage: Stage, channel: "Channel") -> None:
    try:
        screen.line()
        screen.line("Everything stays up until Ctrl-C:")
        _places(screen, slack, stage)
        while True:
            channel.look()
    except KeyboardInterrupt:
        screen.line()


class Channel:
    """The channel as it was last shown."""

    def __init__(self, slack: FakeSlack, stage: Stage, screen: Screen) -> None:
        self._slack, self._stage, self._screen = slack, stage, screen
        self._shown: dict[str, int] = {}
        """Message to how many of its edits were shown."""

    def follow(self, act: Act, pace: float) -> None:
        """Shows what changes until the act is over.

        Raises:
            MqcanaryError: it waited in vain for something to be told.
        """
        least = time.monotonic() + act.lasts * pace
        missing = list(act.told)
        while missing or time.monotonic() < least or (act.met and not self._stage.met()):
            changes = self.look(least - time.monotonic())
            missing = [told for told in missing if not any(_is(change, told) for change in changes)]
            if time.monotonic() > least + PATIENCE:
                what = f"a message with “{missing[0].words}”" if missing else "the agent's first look"
                raise MqcanaryError(f"the demo waited in vain for {what} (please report this)")

    def look(self, wait: float = _LOOK) -> list[Change]:
        """Shows what is new, or waits a little for it."""
        self._stage.check()
        self._slack.wait_for(lambda _: self._news(), max(0.0, min(wait if wait > 0 else _LOOK, _LOOK)))
        with self._slack.lock:
            changes = sorted(self._news(), key=lambda change: change[0])
            self._shown = {message.ts: len(message.edits) for message in self._slack.messages(CHANNEL)}
            for _, how, message in changes:
                self._screen.change(message, how)
        return changes

    def _news(self) -> list[Change]:
        return [change for message in self._slack.messages(CHANNEL) for change in self._new(message)]

    def _new(self, message: Message) -> Iterator[Change]:
        if message.ts not in self._shown:
            yield message.posted_at, How.POSTED if message.thread_ts is None else How.REPLIED, message
        if len(message.edits) > self._shown.get(message.ts, 0):
            yield message.edits[-1].at, How.EDITED, message

    def sum(self) -> None:
        with self._slack.lock:
            messages = self._slack.messages(CHANNEL)
            roots = [message for message in messages if message.thread_ts is None]
            self._screen.sum(roots, len(messages) - len(roots), sum(len(message.edits) for message in messages))


def _is(change: Change, told: Told) -> bool:
    _, how, message = change
    return how is told.how and told.words in as_text(message)
