"""Globs of addresses, by which a configuration names resources."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from urllib.parse import unquote

from checks.facts import Address
from checks.facts.address import WAS


@dataclass(frozen=True, slots=True)
class Pattern:
    """Globs for each component of an address: `kafka://*/groups/batch-*`. One without kind and name means the target
    and all that is in it.
    """

    scheme: str = "*"
    target: str = "*"
    kind: str = "*"
    name: str = "*"

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Reads `kafka://TARGET/KIND/NAME`, or `kafka://TARGET` for the whole target; parts are globs.

        What is percent-encoded, as in an address, stands for itself and is no glob.

        Raises:
            ValueError: the text has another form.
        """
        scheme, colon, rest = text.partition("://")
        parts = rest.split("/", 2)
        if not colon or len(parts) == 2 or not all((scheme, *parts)):
            raise ValueError(
                "write kafka://TARGET/groups/NAME, kafka://TARGET/topics/NAME, sqs://TARGET/queues/NAME, or kafka://TARGET for all of it"
            )
        return cls(scheme, *map(_decoded, parts))

    def __str__(self) -> str:
        """What `parse` reads as this pattern."""
        target, kind, name = (part.replace("%", "%25") for part in (self.target, self.kind, self.name))
        root = f"{self.scheme}://{target.replace('/', '%2F')}"
        return root if (kind, name) == ("*", "*") else f"{root}/{kind.replace('/', '%2F')}/{name}"

    def matches(self, address: Address) -> bool:
        if all(fnmatchcase(part, glob) for part, glob in zip(address, self._globs(), strict=True)):
            return True
        # Whoever cares for a target cares for the one that had its name before, too.
        named, was, _ = address.target.partition(WAS)
        return bool(was) and self.matches(address._replace(target=named))

    def _globs(self) -> tuple[str, str, str, str]:
        return (self.scheme, self.target, self.kind, self.name)


def _decoded(part: str) -> str:
    return re.sub(r"(?:%[0-9A-Fa-f]{2})+", lambda found: escape(unquote(found[0], errors="surrogatepass")), part)
