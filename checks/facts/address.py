"""What everything is about: one address for each thing that can be observed."""

import re
from typing import NamedTuple, Self
from urllib.parse import quote, unquote

_SAFE = ":@"  # not separators here, and nicer to read unescaped in `127.0.0.1:9092`
_PLAIN = re.compile(r"[A-Za-z0-9_.~:@-]*")
"""Nothing to escape; a tenth of the time that `quote` takes to find out."""
WAS = "~was~"
"""In the name of a target between what it was called and which one it was."""


class Address(NamedTuple):
    """Where a fact was seen: `kafka://prod/groups/order-processor`.

    `str()` percent-encodes, `parse()` inverts it; nothing else writes or splits an address. A target by itself
    has neither kind nor name.
    """

    scheme: str
    target: str
    kind: str = ""
    name: str = ""

    def __str__(self) -> str:
        head = f"{self.scheme}://{_escape(self.target)}"
        return f"{head}/{_escape(self.kind)}/{_escape(self.name)}" if self.kind else head

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address that `str()` wrote.

        Raises:
            ValueError: the text is not an address.
        """
        scheme, colon, rest = text.partition("://")
        parts = rest.split("/")
        if not colon or not scheme or not parts[0] or len(parts) not in (1, 3) or not all(parts[1:2]):
            raise ValueError(f"not an address: {text!r}; write kafka://TARGET/groups/NAME or sqs://TARGET/queues/NAME")
        return cls(scheme, *(unquote(part, errors="surrogatepass") for part in parts))

    @property
    def root(self) -> Self:
        """The target this address belongs to."""
        return type(self)(self.scheme, self.target) if self.kind else self

    def under(self, kind: str, name: str) -> Self:
        """The address of one resource of this target."""
        return type(self)(self.scheme, self.target, kind, name)

    def former(self, identity: str) -> Self:
        """What a target is called while another cluster or account than `identity` has its name."""
        return self._replace(target=f"{self.target}{WAS}{identity.removeprefix('account ')}")


def _escape(part: str) -> str:
    return part if _PLAIN.fullmatch(part) else quote(part, safe=_SAFE, errors="surrogatepass")
