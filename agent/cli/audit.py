"""mqcanary audit."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from agent.cli.options import Seconds, check_ids, colour, sample_options, target_options, width
from agent.errors import ConfigError, SnapshotError

if TYPE_CHECKING:
    from agent.audit import Audited
    from agent.cli.targets import Aim
    from agent.report.content import Content
    from checks.check import Check, Severity
    from checks.evaluate import Fingerprint
    from checks.facts import Address, Snapshot

_KEY = 64
"""Characters of a key that are shown."""
_SECOND_LOOK = 5.0
"""Seconds to the poll that the audit adds by itself where a check needs two."""
_LOOKING = (
    "kafka",
    "sqs",
    "kafka_properties",
    "include",
    "exclude",
    "deadline",
    "samples",
    "every",
    "save",
    "sample",
    "sample_budget",
    "show_keys",
)
"""Options that mean nothing with --from."""
_WHOLE = ("json", "sarif")
"""Formats for programs, which group by themselves."""


@click.command("audit")
@target_options
@sample_options
@click.option("--show-keys", is_flag=True, help="With --sample: print the most frequent keys, to a terminal alone.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="Judge a snapshot file instead of looking.")
@click.option("--save", type=click.Path(path_type=Path), help="Also write what was seen, for --from.")
@click.option(
    "--samples",
    type=click.IntRange(1, 1000),
    help="How often to look; trends need 3. By default once, and a second time where a check needs it.",
)
@click.option("--every", type=Seconds(), default="30s", show_default=True, help="Time between samples.")
@click.option("--only", multiple=True, metavar="GLOB", shell_complete=check_ids, help="Run only checks of these ids.")
@click.option("--skip", multiple=True, metavar="GLOB", shell_complete=check_ids, help="Leave out checks of these ids.")
@click.option(
    "--fail-on",
    type=click.Choice(["info", "warning", "critical", "never"]),
    help="Exit with 1 if there is a finding this severe. [default: warning]",
)
@click.option(
    "--fail-on-gap",
    is_flag=True,
    help="Exit with 1 also if something could not be seen: denied, unreachable, deadline or unsupported. What was not asked for "
    "(off), what needs more polls (young) and Kafka's list of topics never count.",
)
@click.option(
    "--owner", metavar="GLOB", help="Only resources of these owners: owners: of the configuration, or a queue's tag."
)
@click.option(
    "--group-by",
    type=click.Choice(["target", "owner", "check", "severity"]),
    default="target",
    show_default=True,
    help="What findings are told together by.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, readable=False),
    help="Leave out findings that stand in this file: only new ones are shown, and fail.",
)
@click.option(
    "--write-baseline",
    type=click.Path(path_type=Path, readable=False),
    help="Write all findings of now into this file; they fail no more. What it has and could not be judged now, stays.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown", "sarif", "junit", "html"]),
    default="text",
    show_default=True,
    help="How to print it: markdown for a comment on a pull request, sarif and junit for CI, html for a browser.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to a file, whole or not at all.")
def command(
    *,
    source: Path | None,
    save: Path | None,
    samples: int | None,
    every: float,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    fail_on: str | None,
    fail_on_gap: bool,
    owner: str | None,
    group_by: str,
    baseline: Path | None,
    write_baseline: Path | None,
    form: str,
    output: Path | None,
    show_keys: bool,
    **targets: Any,
) -> None:
    """Say what is wrong, why, and what to do.

    It only reads: no message is received, no record unless --sample or sample: in the file names its topic, no topic
    created. What could not be seen is listed as such and never counts as fine.

    \b
    mqcanary audit --kafka kafka-1:9092,kafka-2:9092
    mqcanary audit --kafka kafka-1:9093 --kafka-properties client.properties
    mqcanary audit --sqs us-east-1 --format json
    mqcanary audit --config mqcanary.yaml --owner payments
    mqcanary audit --from snapshot.json
    mqcanary audit --kafka kafka-1:9092 --sample 'orders*'

    To fail on what is new alone, keep the findings of today beside your code:

    \b
    mqcanary audit --config mqcanary.yaml --write-baseline mqcanary.baseline
    mqcanary audit --config mqcanary.yaml --baseline mqcanary.baseline

    With --baseline, --fail-on asks for new findings only; a known one stays known when it gets worse. Gaps stand in no baseline:
    --fail-on-gap and exit code 3 are as ever, and an entry that could not be judged counts as neither there nor fixed.

    Exit codes: 0 nothing (with --baseline: nothing new) at or above --fail-on, and after --write-baseline; 1 findings (or, with
    --fail-on-gap, gaps that count); 2 wrong usage or configuration; 3 a whole target could not be observed.
    """  # noqa: D301 - \b is click's own mark
    from agent import audit as auditing
    from agent import baseline as baselines
    from agent import snapshot as files
    from agent.cli.targets import aim, ruled
    from agent.owners import Owners
    from agent.report.content import Content
    from agent.writing import writable, write

    _refuse_vain(source, form, group_by)
    if show_keys:
        _refuse_keys(targets["sample"], form, output)
    known = [] if baseline is None else baselines.load(baseline)
    former = baselines.load(write_baseline) if write_baseline is not None and write_baseline.exists() else []
    for path in filter(None, (save, output, write_baseline)):
        writable(path)  # told now, not after an hour of samples
    keys: dict[str, Counter[bytes]] | None = {} if show_keys else None
    target = aim(keys=keys, **targets) if source is None else ruled(targets["config"])
    checks = auditing.chosen_checks(only or target.audit.only, skip or target.audit.skip)
    if source is None:
        snapshots, audited = _look(target, checks, samples, every)
    else:
        snapshots = _load(source)
        audited = auditing.audit(snapshots, checks, target.limits)
    if save is not None:
        write(save, files.dumps(snapshots))
    threshold = target.audit.threshold if fail_on is None else _level(fail_on)
    owners = Owners(target.policy, audited)
    content = Content(
        audited,
        checks,
        auditing.remarks(audited, checks, target.limits.ignores),
        owner=owners.of,
        group_by=group_by,
        threshold=threshold,
        file="" if targets["config"] is None else str(targets["config"]),
    )
    if owner is not None:
        narrowed, note = owners.only(audited, owner)
        content = replace(content, audited=narrowed, notes=(note,))

    def asked(address: "Address") -> bool:
        names = not address.kind or _among(address.name, targets["include"], targets["exclude"])
        return names and (owner is None or fnmatchcase(content.owner(address), owner))

    written: set[Fingerprint] = set()
    if write_baseline is not None:
        written = _rewrite(write_baseline, {*former, *known}, content, asked)
    if baseline is not None:
        compared = baselines.compare(str(baseline), known, content.audited, checks, asked)
        content = replace(
            content,
            audited=baselines.new(content.audited, set(known)),
            compared=compared,
            notes=(*content.notes, compared.told()),
        )
    _print(content, form, output)
    if keys:
        _print_keys(keys)
    left = baselines.new(content.audited, written)
    sys.exit(auditing.exit_code(left, threshold, fail_on_gap=fail_on_gap))


def _load(source: Path) -> "list[Snapshot]":
    from agent import snapshot as files

    snapshots = list(files.load(source))
    if not snapshots:
        raise SnapshotError(f"{source} holds no target; take the snapshot again")
    return snapshots


def _look(
    target: "Aim", checks: "Sequence[Check]", samples: int | None, every: float
) -> "tuple[list[Snapshot], list[Audited]]":
    """Looks as often as is asked for; else once, and once more where a check waits for it."""
    from agent import audit as auditing
    from agent.cli.targets import look, named

    snapshots = look(target, samples or 1, every)
    audited = auditing.audit(snapshots, checks, target.limits)
    if samples is None and auditing.needs_another_poll(audited, checks):
        latest = dict(enumerate(snapshots[-len(target.watched) :]))
        snapshots = named([*snapshots, *look(target, 1, min(every, _SECOND_LOOK), latest)], len(latest), {})
        audited = auditing.audit(snapshots, checks, target.limits)
    return snapshots, audited


def _rewrite(
    path: Path, former: "AbstractSet[Fingerprint]", content: "Content", asked: "Callable[[Address], bool]"
) -> "set[Fingerprint]":
    """Writes the findings of now, and what `former` had that nobody could judge; the former."""
    from agent import baseline as baselines
    from agent.writing import write

    found = {fingerprint for one in content.audited for fingerprint in one.report.findings}
    before = baselines.compare(str(path), former, content.audited, content.checks, asked)
    kept = before.of(baselines.Fate.UNSEEN, baselines.Fate.ASIDE)
    write(path, baselines.dumps([*found, *kept]))
    click.echo(f"mqcanary: {before.written(len(found))}", err=True)
    return found


def _level(name: str) -> "Severity | None":
    from checks.check import Severity

    return None if name == "never" else Severity[name.upper()]


def _among(name: str, include: "Sequence[str]", exclude: "Sequence[str]") -> bool:
    """Whether the options of the command line let a name be looked at."""
    chosen = not include or any(fnmatchcase(name, glob) for glob in include)
    return chosen and not any(fnmatchcase(name, glob) for glob in exclude)


def _refuse_keys(sample: Sequence[str], form: str, output: Path | None) -> None:
    """Keys are people's data: they go to eyes, never into a file or a pipe.

    Raises:
        ConfigError: there is nothing to show, or no terminal alone to show it on.
    """
    if not sample:
        raise ConfigError("--show-keys shows what was sampled: add --sample GLOB")
    if form != "text" or output is not None or not sys.stdout.isatty():
        raise ConfigError("--show-keys prints to a terminal alone: leave out --format, --output, pipes and files")


def _print_keys(keys: "Mapping[str, Counter[bytes]]") -> None:
    from checks.wording import printable, shown

    for topic, found in sorted(keys.items()):
        click.echo(click.style(f"Most frequent keys of topic {shown(topic)}", bold=True), color=colour())
        for key, number in found.most_common(10):
            text = printable(key.decode("utf-8", "backslashreplace"))
            click.echo(f"  {number:>7,}  {text if len(text) <= _KEY else text[: _KEY - 1] + '…'}")


def _refuse_vain(source: Path | None, form: str, group_by: str) -> None:
    """An option that means nothing beside another: whoever writes it expects something else.

    Raises:
        ConfigError: there is one.
    """
    given = click.get_current_context().get_parameter_source
    vain = [f"--{name.replace('_', '-')}" for name in _LOOKING if given(name) is ParameterSource.COMMANDLINE]
    if source is not None and vain:
        raise ConfigError(f"--from judges what was seen before: leave out {', '.join(vain)}")
    if group_by != "target" and form in _WHOLE:
        raise ConfigError(f"--group-by is for what people read: leave it out with --format {form}, which has all of it")


def _print(content: "Content", form: str, output: Path | None) -> None:
    from agent.writing import write

    format_ = import_module(f"agent.report.{form}")
    report = format_.render(content, width() if output is None else 80) if form == "text" else format_.render(content)
    if output is not None:
        write(output, click.unstyle(report) if form == "text" else report)
    else:
        click.echo(report, nl=False, color=colour())
