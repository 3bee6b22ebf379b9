"""What all tests share: tools of the operating system, which are never installed by make, and no skip in CI."""

import gc
import os
import shutil
from collections.abc import Callable

import hypothesis
import pytest

from agent.cli import GARBAGE

MAY_BE_SKIPPED = "test_image"
"""The image's tests need a container engine, which CI need not have."""

_skipped: list[str] = []


def pytest_configure() -> None:
    gc.set_threshold(*GARBAGE)  # as the command does
    # How long an example takes says how busy the machine is.
    hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.load_profile("busy")


@pytest.fixture(scope="session")
def program() -> Callable[[str, str], str]:
    """The path of a program, or a skip of one line that names its package."""

    def find(name: str, package: str) -> str:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is missing: install the package {package}")
        return found

    return find


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and MAY_BE_SKIPPED not in report.nodeid:
        _skipped.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get("CI") == "true" and _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("CI") == "true" and _skipped:
        terminalreporter.write_line(f"CI allows no skipped test: {', '.join(_skipped)}", red=True)
