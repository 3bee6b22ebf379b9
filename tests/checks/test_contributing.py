"""What CONTRIBUTING.md shows of a new check is a whole check: its file, its examples and its row run as they stand there."""

import importlib.util
import re
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from checks.check import SECTIONS, Check
from tests.checks import test_laws as laws
from tests.checks.examples import Example, judge
from tests.live import planted

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
FILE, EXAMPLES, ROW = (
    dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
)
CHECK, TESTS = "checks/kafka/retention_short.py", "tests/checks/kafka/test_retention_short.py"


def imported(path: str, text: str, folder: Path, patch: pytest.MonkeyPatch) -> ModuleType:
    """The module that a file at this path would be."""
    name = path.removesuffix(".py").replace("/", ".")
    file = folder / Path(path).name
    file.write_text(text)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    patch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    (made,) = (one for one in vars(imported(CHECK, FILE, tmp_path, monkeypatch)).values() if isinstance(one, Check))
    return made


def test_the_check_is_whole_and_its_examples_keep_the_laws(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (CHECK in TEXT, TESTS in TEXT, check.id) == (True, True, "kafka/retention-short")
    assert laws.examples_file(check) == TESTS
    assert {name for name, text in check.doc.sections.items() if text} == set(SECTIONS)
    written = imported(TESTS, EXAMPLES, tmp_path, monkeypatch)
    firing: tuple[Example, ...] = written.FIRING
    silent: tuple[Example, ...] = written.SILENT
    for example in firing:
        assert judge(check, example).findings, example.name
        laws.test_altering_the_evidence_alters_the_finding(check, example)
    for example in silent:
        report = judge(check, example)
        assert not report.findings, example.name
        assert not any(gap.check for gap in report.gaps.values()), example.name
    for example in (*firing, *silent):
        laws.test_law_1_an_unknown_never_passes(check, example)
        laws.test_law_1_without_history(check, example)
        laws.test_law_2_reuse_never_changes_a_result(check, example)


def test_the_row_is_one_of_the_planted_estate(check: Check) -> None:
    (row,) = eval(ROW, dict(vars(planted)))  # noqa: S307 - a text of this repository
    assert isinstance(row, planted.Row)
    assert row.check == check.id
    taken = {name for other in planted.ROWS for name in (*other.planted, *other.alike)}
    assert not taken & {row.resource, row.look_alike}
