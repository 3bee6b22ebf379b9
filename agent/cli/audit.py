"""mqcanary audit."""

import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from agent.cli.options import Seconds, check_ids, colour, format_option, sample_option, target_options
from agent.errors import ConfigError, SnapshotError

if TYPE_CHECKING:
    from agent.audit import Audited

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
    "show_keys",
)
"""Options that mean nothing with --from."""


@click.command("audit")
@target_options
@sample_option
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
@click.option("--fail-on-gap", is_flag=True, help="Exit with 1 also if something could not be judged.")
@format_option
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to a file.")
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
    form: str,
    output: Path | None,
    show_keys: bool,
    **targets: Any,
) -> None:
    """Say what is wrong, why, and what to do.

    It only reads: no message is received, no record unless --sample names its topic, no topic created. What could not be seen is listed as such and
    never counts as fine.

    \b
    mqcanary audit --kafka kafka-1:9092,kafka-2:9092
    mqcanary audit --kafka kafka-1:9093 --kafka-properties client.properties
    mqcanary audit --sqs us-east-1 --format json
    mqcanary audit --config mqcanary.yaml
    mqcanary audit --from snapshot.json
    mqcanary audit --kafka kafka-1:9092 --sample 'orders*'

    Exit codes: 0 nothing at or above --fail-on; 1 findings (or gaps with --fail-on-gap); 2 wrong usage or
    configuration; 3 a whole target could not be observed.
    """  # noqa: D301 - \b is click's own mark
    from agent import audit as auditing
    from agent import snapshot as files
    from agent.cli.targets import aim, look, named, ruled
    from checks.check import Severity

    if source is not None:
        _refuse_looking()
        limits, settings = ruled(targets["config"])
        checks = auditing.chosen_checks(only or settings.only, skip or settings.skip)
        snapshots = list(files.load(source))
        if not snapshots:
            raise SnapshotError(f"{source} holds no target; take the snapshot again")
        audited = auditing.audit(snapshots, checks, limits)
    else:
        keys: dict[str, Counter[bytes]] | None = {} if show_keys else None
        if show_keys:
            _refuse_keys(targets["sample"], form, output)
        target = aim(keys=keys, **targets)
        limits, settings = target.limits, target.audit
        checks = auditing.chosen_checks(only or settings.only, skip or settings.skip)
        for path in filter(None, (save, output)):
            _writable(path)  # told now, not after an hour of samples
        snapshots = look(target, samples or 1, every)
        audited = auditing.audit(snapshots, checks, limits)
        if samples is None and auditing.needs_another_poll(audited, checks):
            latest = dict(enumerate(snapshots[-len(target.watched) :]))
            snapshots = named([*snapshots, *look(target, 1, min(every, _SECOND_LOOK), latest)], len(latest), {})
            audited = auditing.audit(snapshots, checks, limits)
    if save is not None:
        _write(save, files.dumps(snapshots))
    _print(audited, form, output, auditing.remarks(audited, checks, limits.ignores))
    if source is None and keys:
        _print_keys(keys)
    threshold = settings.threshold if fail_on is None else None if fail_on == "never" else Severity[fail_on.upper()]
    sys.exit(auditing.exit_code(audited, threshold, fail_on_gap=fail_on_gap))


def _refuse_keys(sample: Sequence[str], form: str, output: Path | None) -> None:
    """Keys are people's data: they go to eyes, never into a file or a pipe.

    Raises:
        ConfigError: there is nothing to show, or no terminal alone to show it on.
    """
    if not sample:
        raise ConfigError("--show-keys shows what was sampled: add --sample GLOB")
    if form != "text" or output is not None or not sys.stdout.isatty():
        raise ConfigError("--show-keys prints to a terminal alone: leave out --format json, --output, pipes and files")


def _print_keys(keys: "Mapping[str, Counter[bytes]]") -> None:
    from checks.wording import printable, shown

    for topic, found in sorted(keys.items()):
        click.echo(click.style(f"Most frequent keys of topic {shown(topic)}", bold=True))
        for key, number in found.most_common(10):
            text = printable(key.decode("utf-8", "backslashreplace"))
            click.echo(f"  {number:>7,}  {text if len(text) <= _KEY else text[: _KEY - 1] + '…'}")


def _refuse_looking() -> None:
    """What says how to look means nothing for a file: whoever writes it expects something else."""
    given = click.get_current_context().get_parameter_source
    vain = [f"--{name.replace('_', '-')}" for name in _LOOKING if given(name) is ParameterSource.COMMANDLINE]
    if vain:
        raise ConfigError(f"--from judges what was seen before: leave out {', '.join(vain)}")


def _print(audited: "list[Audited]", form: str, output: Path | None, remarks: list[str]) -> None:
    from agent.report import json as as_json
    from agent.report import text as as_text

    terminal = output is None and sys.stdout.isatty()
    width = max(60, min(120, shutil.get_terminal_size().columns)) if terminal else 80
    report = as_json.render(audited, remarks) if form == "json" else as_text.render(audited, width, remarks)
    if output is not None:
        _write(output, click.unstyle(report) if form == "text" else report)
    else:
        click.echo(report, nl=False, color=colour())


def _writable(path: Path) -> None:
    try:
        path.open("ab").close()
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}") from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}") from None
