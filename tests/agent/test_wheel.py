"""What is built is what is installed: the wheel, in an environment of its own, outside the checkout."""

import importlib.metadata
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGES = {"agent", "alerts", "checks"}


def run(*words: str | Path, cwd: Path) -> str:
    return subprocess.run(
        [str(w) for w in words], cwd=cwd, check=True, capture_output=True, text=True, timeout=300
    ).stdout


def test_the_wheel_runs_outside_the_checkout(tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("mqcanary-*.whl")
    venv.create(tmp_path / "env", with_pip=False)
    # Ours installs into it, and compiles nothing: most of what is installed is never imported here.
    pip = (sys.executable, "-m", "pip", "--python", tmp_path / "env", "install", "--quiet", "--no-compile", "--no-deps")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements.lock", cwd=tmp_path)
    run(*pip, wheel, cwd=tmp_path)
    command = tmp_path / "env/bin/mqcanary"
    assert run(command, "--version", cwd=tmp_path).startswith("mqcanary ")
    assert "kafka/group-lagging" in run(command, "checks", "list", cwd=tmp_path)
    golden = ROOT / "tests/agent/golden/snapshot-v1.json"
    page = run(command, "audit", "--from", golden, "--fail-on", "never", "--format", "html", cwd=tmp_path)
    assert page.startswith("<!DOCTYPE html>")
    assert "behind on orders" in run(command, "audit", "--from", golden, "--fail-on", "never", cwd=tmp_path)


def test_no_other_distribution_provides_our_packages() -> None:
    provided = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        assert set(provided.get(package, ())) <= {"mqcanary"}, package
