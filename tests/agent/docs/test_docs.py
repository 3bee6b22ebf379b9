"""Generated pages: written, told when they drift, and deleted with what they spoke of."""

import re
import shutil
from pathlib import Path

import pytest

from agent.docs.__main__ import main, pages
from checks import all_checks

MADE = pages()
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    shutil.copy("README.md", tmp_path)
    assert main([], tmp_path / "docs") == 0
    return tmp_path / "docs"


def test_what_was_just_written_has_not_drifted(docs: Path) -> None:
    assert main(["--check"], docs) == 0


def test_a_page_that_says_something_else_is_told_and_mended(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = docs / "checks/kafka/group-stalled.md"
    page.write_text(page.read_text() + "more\n")
    assert main(["--check"], docs) == 1
    assert capsys.readouterr().err.startswith("docs/checks/kafka/group-stalled.md does not say")
    main([], docs)
    assert main(["--check"], docs) == 0


def test_a_page_of_a_check_that_is_gone_is_told_and_deleted(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = docs / "checks/kafka/gone.md"
    left.write_text("")
    assert main(["--check"], docs) == 1
    assert capsys.readouterr().err.startswith("docs/checks/kafka/gone.md is of a check that is not there")
    main([], docs)
    assert not left.exists()


def test_every_check_has_a_page_with_an_example_of_its_finding() -> None:
    for check in all_checks():
        page = MADE[f"checks/{check.id}.md"]
        assert check.doc.title in page
        assert re.search(r"## Finding and fix\n.*```\n.*^ *fix .*```", page, re.DOTALL | re.MULTILINE), check.id
        assert all(f"`{limit}`" in page for limit in check.limits)


def test_every_key_of_the_configuration_says_what_it_means() -> None:
    rows = [line.split(" | ") for line in MADE["configuration.md"].splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert [row[0] for row in rows if not row[-1].removesuffix("|").strip()] == []


def test_every_command_has_its_usage() -> None:
    for name in ("audit", "checks explain", "alerts ack"):
        assert f"# mqcanary {name}\n\n```\nmqcanary {name} " in MADE["commands.md"]


@pytest.mark.parametrize("name", sorted(name for name in MADE if name.endswith(".md")))
def test_links_lead_somewhere(name: str) -> None:
    for place, anchor in LINK.findall(MADE[name]):
        path = Path(name) if not place else Path("/", Path(name).parent, place).resolve().relative_to("/")
        assert str(path) in MADE, place
        heads = re.findall(r"^#+ (.*)$", MADE[str(path)], re.MULTILINE)
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
