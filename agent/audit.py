"""The audit: snapshots in, one report for each target out. Everything in it comes from the snapshots, the time too."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from agent.errors import ConfigError
from checks import all_checks
from checks.check import Check, Severity, Tier
from checks.evaluate import Gap, Report, evaluate
from checks.facts import History, Listing, Snapshot, SqsSnapshot, Unknown, Why, facts_of
from checks.facts.of_sqs import SqsFacts
from checks.ignores import TAG, Ignore, tagged
from checks.limits import Limits
from checks.wording import count, meant

FINDINGS, USAGE, UNSEEN = 1, 2, 3
"""Exit codes; 0 when there is nothing to say."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One target: its newest snapshot and what the checks say of it."""

    snapshot: Snapshot
    report: Report
    samples: int

    @property
    def unseen(self) -> Unknown | None:
        """Why the whole target could not be observed, if so."""
        return self.report.unseen

    @property
    def listings(self) -> Mapping[str, Listing[Any]]:
        """The lists of the snapshot by kind."""
        names = ("topics", "groups", "queues")
        return {name: getattr(self.snapshot, name) for name in names if hasattr(self.snapshot, name)}


def chosen_checks(only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[Check, ...]:
    """The checks to run: globs of ids. Pedantic ones run when a glob of `only` names them.

    Raises:
        ConfigError: a glob matches no check, or none is left.
    """
    checks = all_checks()
    for glob in (*only, *skip):
        if not any(fnmatchcase(check.id, glob) for check in checks):
            raise ConfigError(f"{glob!r} matches no check; see: mqcanary checks list")
    chosen = tuple(
        check
        for check in checks
        if (any(fnmatchcase(check.id, g) for g in only) if only else check.tier is Tier.DEFAULT)
        and not any(fnmatchcase(check.id, g) for g in skip)
    )
    if not chosen:
        raise ConfigError("no check is left: --skip (or audit: of the configuration) leaves out all that would run")
    return chosen


def audit(snapshots: Iterable[Snapshot], checks: Sequence[Check], limits: Limits) -> list[Audited]:
    """Folds the samples of each target and judges the newest, in the order in which targets first appear."""
    history = History()
    newest: dict[tuple[str, str], Snapshot] = {}
    samples: dict[tuple[str, str], int] = {}
    for snapshot in snapshots:
        key = (snapshot.address.scheme, snapshot.target)
        history.append(snapshot)
        newest[key] = snapshot
        samples[key] = samples.get(key, 0) + 1
    return [
        Audited(snapshot, evaluate(facts_of(snapshot, history), checks, limits), samples[key])
        for key, snapshot in newest.items()
    ]


def needs_another_poll(audited: Iterable[Audited], checks: Sequence[Check]) -> bool:
    """Whether a check that speaks after several polls is waiting for the next."""
    patient = {check.id: check.polls for check in checks if check.polls > 1}
    return any(
        gap.unknown.why is Why.YOUNG and gap.check in patient and one.samples < patient[gap.check]
        for one in audited
        for gap in one.report.gaps.values()
    )


def exit_code(audited: Sequence[Audited], fail_on: Severity | None, *, fail_on_gap: bool = False) -> int:
    """Findings at or above `fail_on` win over a target that could not be seen; single gaps count only if asked."""
    findings = [finding for one in audited for finding in one.report.findings.values()]
    gaps = [gap for one in audited for gap in one.report.gaps.values() if counts(gap)]
    if fail_on is not None and any(finding.severity >= fail_on for finding in findings):
        return FINDINGS
    if any(one.unseen is not None for one in audited):
        return UNSEEN
    return FINDINGS if fail_on_gap and gaps else 0


def remarks(audited: Sequence[Audited], checks: Sequence[Check], ignores: Sequence[Ignore]) -> list[str]:
    """What is to be said of ignores: those that are over, those that meet nothing, tags to mend."""
    reports = [one.report for one in audited]
    used = {id(ignored.by) for report in reports for ignored in report.ignored.values()}
    over: dict[Ignore, int] = {}
    for by in (by for report in reports for by in report.expired.values()):
        over[by] = over.get(by, 0) + 1
    told = [
        f"{by.origin}: the ignore of {' '.join(by.checks)} ended after {by.until}: {count(n, 'finding')} came back"
        for by, n in over.items()
    ]
    used |= {id(by) for by in over}
    told += [
        f"{one.origin}: ignores nothing; delete it, or mend its checks and resources"
        for one in ignores
        if id(one) not in used and _idle(one, reports, checks)
    ]
    return told + [remark for one in audited for remark in _of_tags(one)]


def _of_tags(one: Audited) -> Iterator[str]:
    """One line for each thing that is wrong with tags, however many queues have it."""
    names: dict[str, list[str]] = {}
    for name, queue in one.snapshot.queues.items.items() if isinstance(one.snapshot, SqsSnapshot) else ():
        tags = {} if isinstance(queue, Unknown) or isinstance(queue.tags, Unknown) else queue.tags
        if TAG in tags and (wrong := _wrong(tags[TAG])):
            names.setdefault(wrong, []).append(name)
    for wrong, alike in names.items():
        more = f" and {count(len(alike) - 1, 'more queue')}" if len(alike) > 1 else ""
        yield f"{one.report.target.under('queues', min(alike))}{more}: tag {TAG}: {wrong}"


@lru_cache(maxsize=4096)
def _wrong(value: str) -> str:
    """What its owners should mend in a tag. One without a reason counts all the same, and so do the checks that there are:
    whoever tags a queue has no command that tells them, and a finding of it would be a surprise.
    """
    written, mistake = tagged(value)
    told = [mistake] if mistake else []
    known = [check.id for check in all_checks() if SqsFacts.SUBJECTS.get(check.subject.kind) == "queues"]
    told += [
        f"{glob.removesuffix('*')} is no check of queues ({meant(glob, known) or 'see: mqcanary checks list'})"
        for glob in (glob for ignore in written for glob in ignore.checks)
        if not any(fnmatchcase(id_, glob) for id_ in known)
    ]
    if any(not ignore.reason for ignore in written):
        told.append("it gives no reason; end it with reason=why you live with it")
    return "; ".join(told)


def _idle(ignore: Ignore, reports: Sequence[Report], checks: Sequence[Check]) -> bool:
    """Whether what it covers was looked at, and all of it: else its finding may be there, unseen."""
    ran = [check.id for check in checks if any(fnmatchcase(check.id, glob) for glob in ignore.checks)]
    whole = replace(ignore.resources, kind="*", name="*")
    here = [report for report in reports if whole.matches(report.target)]
    gaps = [gap for report in here for gap in report.gaps.values() if not gap.standing]
    return (
        bool(ran and here)
        and all(report.unseen is None for report in here)
        and not any(ignore.covers(gap.check, gap.address) if gap.check else True for gap in gaps)
    )


def counts(gap: Gap) -> bool:
    """Whether something was to be seen and was not: refused, not reached, not in time, or not told. Not what nobody asked for
    (off), nor what more polls close (young), nor what Kafka leaves open to everybody.
    """
    return gap.unknown.why not in {Why.YOUNG, Why.OFF} and not gap.standing
