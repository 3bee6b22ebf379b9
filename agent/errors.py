"""What goes wrong and is not our fault, told in one line without a traceback; any other exception is a bug of ours.

MqcanaryError        a user's mistake or an outside failure
├── ConfigError      a setting that cannot be used: names the key, the value and the mend
│   └── ConfigFileError   a configuration file: every mistake in it at once, a line each
├── AskError         something asked of the agent that it can't do: names the key, the value and the mend
├── SnapshotError    a snapshot file that cannot be read
└── ConnectError     something that cannot be reached or refuses us: names the place, the cause and the mend
"""

from collections.abc import Sequence


class MqcanaryError(Exception):
    """A user's mistake or an outside failure, told in one line, whatever is quoted in it."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


class ConfigError(MqcanaryError):
    """A setting that cannot be used."""


class ConfigFileError(ConfigError):
    """A configuration file that cannot be used: `lines` has each mistake, with its place and its mend."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(lines)


class AskError(MqcanaryError):
    """Something asked of the agent that it can't do; `key` is the field of the request, as HTTP has it.

    `unknown`: it names something that is not there, or not any more.
    """

    def __init__(self, key: str, text: str, *, unknown: bool = False) -> None:
        super().__init__(f"{key}: {text}")
        self.key, self.text, self.unknown = key, text, unknown


class SnapshotError(MqcanaryError):
    """A snapshot file that cannot be read."""


class ConnectError(MqcanaryError):
    """Something that cannot be reached or refuses us: `what` happened, the `mend`, and the `cause`, one short word for it."""

    def __init__(self, what: str, mend: str, *, cause: str) -> None:
        self.what = " ".join(what.splitlines())
        super().__init__(f"{self.what}: {mend}")
        self.mend = mend
        self.cause = cause
