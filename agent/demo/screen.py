"""The demo on a terminal: the story in bold, and below each act what changed in the channel, framed as Slack would."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.text import Text

from agent.config.model import Config
from agent.demo.slack import Message, as_text
from agent.demo.story import CHANNEL, Act, How
from alerts.policy import Policy
from checks import all_checks
from checks.wording import count, span

WIDTH = 80

_COLOURS = {"🔴": "red", "🟡": "yellow", "🔵": "blue", "🟢": "green", "⚪": "magenta"}


def terminal() -> Console:
    """Of 80 columns at most; without colours in a pipe, and with NO_COLOR."""
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = min(WIDTH, console.width)
    return console


class Screen:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._listing = False
        """Whether the last line was of an edit or a reply: those stand together."""

    def line(self, text: str = "", style: str = "") -> None:
        self._console.print(Text(text, style))

    def places(self, places: Sequence[tuple[str, str]]) -> None:
        """Names and addresses; an address is never broken."""
        width = max(len(name) for name, _ in places)
        for name, address in places:
            line = Text(f"  {name:<{width}}  " if width else "  ").append(address, "cyan")
            self._console.print(line, soft_wrap=True)

    def limits(self, config: Config) -> None:
        """What the configuration shortens, beside what it is without it."""
        rows = list(_shortened(config))
        widths = [max(len(row[n]) for row in rows) for n in range(3)]
        for what, limit, now, usual in rows:
            line = f"  {what:<{widths[0]}}  {limit:<{widths[1]}}  {now:>{widths[2]}}"
            self._console.print(Text(line).append(f"  instead of {usual}", "dim"))

    def act(self, act: Act, elapsed: float) -> None:
        self.line()
        self.line(f"{_clock(elapsed)}  {act.title}", "bold")
        self._wrapped(Text(act.words), Text("      "))
        self._listing = False

    def change(self, message: Message, how: How) -> None:
        """A message as Slack shows it; of one that was edited only its first line, for the rest was there before."""
        head, *rest = as_text(message).split("\n")
        colour = _COLOURS.get(head[:1], "")
        if how is How.POSTED:
            self._framed(message, head, rest, colour)
            return
        if not self._listing:
            self.line()
        self._listing = True
        label = Text.assemble((f"{how}: ", "dim"), (head, colour))
        if how is How.EDITED:
            label.truncate(self._console.width - 4, overflow="ellipsis")
        self._wrapped(label, Text("  ▸ ", colour), Text("    "))
        if how is How.REPLIED and rest:
            self._wrapped(Text(rest[0]), Text("    "))

    def sum(self, roots: Sequence[Message], replies: int, edits: int) -> None:
        self.line()
        told = f"{count(len(roots), 'message')} in #{CHANNEL}, edited {count(edits, 'time')} as things changed,"
        self.line(f"Told: {told}", "bold")
        self.line(f"and {replies} replies in their threads.", "bold")
        for message in roots:
            at = datetime.fromtimestamp(message.posted_at, UTC).strftime("%H:%M:%S")
            text = Text(f"  {at}  {as_text(message).split(chr(10))[0]}")
            text.truncate(self._console.width, overflow="ellipsis")
            self._console.print(text)

    def _framed(self, message: Message, head: str, rest: Sequence[str], colour: str) -> None:
        self._listing = False
        self.line()
        at = datetime.fromtimestamp(message.posted_at, UTC).strftime("%H:%M")
        self._console.print(Text.assemble(("  ┌ ", colour), (f"#{CHANNEL}  {message.app}  {at} UTC", "dim")))
        bar = Text("  │ ", colour)
        self._wrapped(Text(head, f"bold {colour}"), bar, Text("  │    ", colour))
        for line in rest:
            hanging = len(line) - len(line.lstrip(" •→"))
            style = "cyan" if line.startswith("    ") else "dim" if line.startswith("alert ") else ""
            self._wrapped(
                Text(line.lstrip(" "), style),
                bar + Text(" " * (len(line) - len(line.lstrip()))),
                bar + Text(" " * hanging),
            )
        self._console.print(Text("  └", colour))

    def _wrapped(self, text: Text, before: Text, after: Text | None = None) -> None:
        """`before` stands before the first line, `after` before each later one."""
        after = before if after is None else after
        for number, line in enumerate(text.wrap(self._console, self._console.width - len(after))):
            line.rstrip()
            self._console.print(Text.assemble(after if number else before, line))


def _shortened(config: Config) -> Iterator[tuple[str, str, str, str]]:
    """What, which limit, its value, its value without this configuration."""
    yield "all targets", "every", _span(config.running.every), _span(type(config.running)().every)
    blind, usual = config.running.policy.blind_after, Policy().blind_after
    yield "mqcanary/target-blind", "after", _span(blind), _span(usual)
    checks = {check.id: check for check in all_checks()}
    for override in config.overrides:
        check = checks[override.checks]
        for name, value in override.values.items():
            default = check.defaults[name]
            if isinstance(value, timedelta) and isinstance(default, timedelta):
                yield check.id, name, _span(value.total_seconds()), _span(default.total_seconds())
        if override.after is not None:
            yield check.id, "after", _span(override.after.total_seconds()), _span(check.after.total_seconds())


def _span(seconds: float) -> str:
    return span(seconds) if seconds >= 10 else f"{seconds:.1f} s".replace(".0 ", " ")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
