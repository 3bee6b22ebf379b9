"""Whose the resources of an audit are: as the configuration says, else as a queue's own tag does."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from agent.audit import Audited
from agent.errors import ConfigError
from alerts.policy import Policy
from alerts.route import owner_of
from checks.facts import Address, Queue, SqsSnapshot, Unknown
from checks.wording import count, listed, shown


class Owners:
    """Asked once for each resource."""

    def __init__(self, policy: Policy, audited: Iterable[Audited]) -> None:
        self._policy = policy
        self._queues: dict[Address, Queue] = {}
        for one in audited:
            if isinstance(one.snapshot, SqsSnapshot):
                queues = one.snapshot.queues.items.items()
                self._queues |= {
                    one.report.target.under("queues", name): queue
                    for name, queue in queues
                    if not isinstance(queue, Unknown)
                }
        self._found: dict[Address, str] = {}

    def of(self, address: Address) -> str:
        """The owner's name; empty where nobody is known."""
        if address not in self._found:
            queue = self._queues.get(address)
            tags = {} if queue is None or isinstance(queue.tags, Unknown) else queue.tags
            self._found[address] = owner_of(self._policy, address, tags.get("owner", ""))
        return self._found[address]

    def only(self, audited: Sequence[Audited], glob: str) -> tuple[list[Audited], str]:
        """What is said of the resources of owners of this glob, and in one line what is not said; a list or target that could
        not be seen stays, as theirs may be in it.

        Raises:
            ConfigError: nobody of this name owns anything: it would pass for an audit without findings.
        """
        names = {one.owner for one in self._policy.owners} | {self.of(address) for address in self._queues}
        if not any(fnmatchcase(name, glob) for name in names | {""}) and all(one.unseen is None for one in audited):
            known = sorted(filter(None, names))
            hint = f"there are {listed(known, 10)}" if known else "none is known: write owners: in the configuration"
            raise ConfigError(f"--owner {shown(glob)} matches no owner; {hint}")
        narrowed = [self._narrowed(one, glob) for one in audited]
        left = sum(len(one.report.findings) for one in audited) - sum(len(one.report.findings) for one in narrowed)
        text = f"Only what owner {shown(glob)} owns: {count(left, 'finding')} of others left out"
        untold = sum(isinstance(q.tags, Unknown) and not self.of(a) for a, q in self._queues.items())
        if untold:
            text += f"; the owner tag of {count(untold, 'queue')} was not read"
        return narrowed, text

    def _narrowed(self, one: Audited, glob: str) -> Audited:
        return replace(one, report=one.report.only(lambda address: fnmatchcase(self.of(address), glob)))
