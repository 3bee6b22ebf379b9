"""Help is read often and by completion: it costs next to nothing."""

import subprocess
import sys

import pytest

DEAR = {
    "apscheduler",
    "boto3",
    "botocore",
    "cattrs",
    "flask",
    "kafka",
    "numpy",
    "prometheus_client",
    "pydantic",
    "rich",
}
DEAR |= {"slack_sdk", "structlog", "jinja2", "cheroot"}
"""What only a command that runs may import. On a quiet machine help takes 0.08 to 0.13 s of CPU; each of these adds to it."""


def imported(*words: str) -> set[str]:
    """The packages that one run of the command has imported at its end."""
    script = "import sys; from agent.cli import obey; obey(); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize(
    "words", [("--help",), ("audit", "--help"), ("silence", "add", "--help"), ("alerts", "--help")], ids=" ".join
)
def test_help_is_cheap(words: tuple[str, ...]) -> None:
    assert not imported(*words) & DEAR
