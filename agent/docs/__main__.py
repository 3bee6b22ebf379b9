"""Writes what has drifted and deletes what nobody writes any more; with --check it only tells."""

import json
import sys
from pathlib import Path

from agent.docs import checks, commands, configuration, metrics, rights
from agent.report.json import schema

_ROOT = Path(__file__).parent.parent.parent
_DOCS = _ROOT / "docs"


def pages() -> dict[str, str]:
    """File name under docs/ to its text."""
    return {
        **checks.pages(),
        "commands.md": commands.page(),
        "configuration.md": configuration.page(),
        "metrics.md": metrics.page(),
        "rights.md": rights.page(),
        "report.schema.json": json.dumps(schema(), indent=2) + "\n",
    }


def main(arguments: list[str], docs: Path = _DOCS) -> int:
    """Exit code: 1 if something has drifted and was only to be checked."""
    wanted = {docs / name: text for name, text in pages().items()}
    readme = docs.parent / "README.md"
    wanted[readme] = rights.readme(readme.read_text())
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    left = [path for path in sorted((docs / "checks").rglob("*.md")) if path not in wanted]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(docs.parent)} does not say what the code says: run make docs\n")
        for path in left:
            sys.stderr.write(f"{path.relative_to(docs.parent)} is of a check that is not there: run make docs\n")
        return 1 if stale or left else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
    for path in left:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(_ROOT))  # for the examples in tests/
    sys.exit(main(sys.argv[1:]))
