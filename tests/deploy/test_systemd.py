"""The unit, as systemd itself reads it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

UNIT = Path(__file__).parent.parent.parent / "deploy/mqcanary.service"


def verified(program: Callable[[str, str], str], tmp_path: Path, text: str) -> str:
    """What systemd has against it; that of a program which is not installed here is no matter."""
    unit = tmp_path / "mqcanary.service"
    unit.write_text(text.replace("/opt/mqcanary/bin/mqcanary", "/bin/true"))
    argv = [program("systemd-analyze", "systemd"), "verify", "--man=no", "--recursive-errors=no", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return (done.stdout + done.stderr).strip()


def test_systemd_has_nothing_against_the_unit(program: Callable[[str, str], str], tmp_path: Path) -> None:
    text = UNIT.read_text()
    assert verified(program, tmp_path, text) == ""
    assert "'Stat'" in verified(program, tmp_path, text.replace("StateDirectory=", "Stat="))
