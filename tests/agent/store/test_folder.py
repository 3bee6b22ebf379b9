"""The state directory: held by one agent, released by a crash, on a disk that is known."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.store.folder import Folder, network, running
from tests.live.process import until

_HOLD = """
import sys
from pathlib import Path
from agent.store.folder import Folder
folder = Folder(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the directory."""
    words = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_it_is_made_with_its_inbox_for_one_user(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state"
    assert not running(path)
    with closing(Folder(path)) as folder:
        assert folder.inbox == path / "inbox"
        assert (path.stat().st_mode & 0o777, folder.inbox.stat().st_mode & 0o777) == (0o700, 0o700)
        assert running(path)
        assert (path / "lock").read_text() == f"{os.getpid()}\n"
    assert not running(path)


def test_a_second_agent_is_refused(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    assert running(tmp_path)
    with pytest.raises(ConfigError) as caught:
        Folder(tmp_path)
    assert str(caught.value) == (
        f"state directory {tmp_path} belongs to another agent (process {holder.pid}): "
        "stop it, or give this one its own (--state)"
    )
    assert (tmp_path / "lock").read_text() == f"{holder.pid}\n", "whose it is stays written"


def test_a_crash_releases_it(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    holder.kill()  # SIGKILL: nothing is tidied up
    assert holder.wait(10) == -9
    assert not running(tmp_path)
    with closing(Folder(tmp_path)):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_who_looks_is_no_agent(tmp_path: Path) -> None:
    """Commands that look at the same time as an agent starts neither see one in each other nor keep it from starting."""
    Folder(tmp_path).close()
    stop = threading.Event()
    seen: list[bool] = []

    def look() -> None:
        while not stop.is_set():
            seen.append(running(tmp_path))

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: len(seen) >= 200, "they have looked often")
    assert not any(seen)
    with closing(Folder(tmp_path)):
        stop.set()
        for thread in threads:
            thread.join()
        assert running(tmp_path)


@pytest.mark.parametrize("below", ["state", "state/deeper"])
def test_one_that_cannot_be_made_is_one_line(tmp_path: Path, below: str) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ConfigError, match=r"can't be used \((File exists|Not a directory)\): make it writable"):
        Folder(tmp_path / below)


def mountinfo(tmp_path: Path, *mounts: tuple[str, str]) -> Path:
    path = tmp_path / "mountinfo"
    lines = [
        f"{36 + n} 35 98:{n} / {point} rw,noatime master:1 - {kind} x rw\n" for n, (point, kind) in enumerate(mounts)
    ]
    path.write_bytes("".join(lines).encode("utf-8", "surrogateescape"))
    return path


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ([("/", "ext4")], ""),
        ([("/", "ext4"), ("{}", "nfs4")], "nfs4"),
        ([("/", "nfs"), ("{}", "xfs")], ""),
        ([("{}", "xfs"), ("/", "nfs")], ""),
        ([("{}/state", "cifs"), ("{}", "ext4")], "cifs"),
        ([("{}", "nfs4"), ("{}", "ext4")], ""),  # mounted over it
        ([("{}/sta", "nfs4")], ""),  # not above it
        ([("{}/other", "nfs4"), ("/", "ext4")], ""),
        ([("{}", "fuse.sshfs")], "fuse.sshfs"),
        ([], ""),
    ],
)
def test_network_file_systems(tmp_path: Path, mounts: list[tuple[str, str]], expected: str) -> None:
    file = mountinfo(tmp_path, *((point.format(tmp_path), kind) for point, kind in mounts))
    assert network(tmp_path / "state", file) == expected


@pytest.mark.parametrize(
    ("name", "written"),
    [("a b", r"a\040b"), ("a\\b", r"a\134b"), ("a\nb\tc", r"a\012b\011c"), ("grün", "grün"), ("\udcff", "\udcff")],
)
def test_mount_points_are_read_as_they_are_written(tmp_path: Path, name: str, written: str) -> None:
    file = mountinfo(tmp_path, ("/", "ext4"), (f"{tmp_path}/{written}", "nfs4"))
    assert network(tmp_path / name, file) == "nfs4"


def test_a_link_leads_to_the_network(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "state").symlink_to("share")
    file = mountinfo(tmp_path, ("/", "ext4"), (f"{tmp_path}/share", "nfs4"))
    assert network(tmp_path / "state" / "here", file) == "nfs4"


def test_lines_of_another_form_and_no_file_at_all_say_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mountinfo"
    file.write_text("\n1 2\n36 35 98:0 / / rw -\nx - nfs4\n")
    assert network(tmp_path, file) == ""
    assert network(tmp_path, tmp_path / "none") == ""


def test_this_machine_is_asked_by_default(tmp_path: Path) -> None:
    kinds = {line.partition(" - ")[2].split()[0] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    assert network(tmp_path) in {"", *kinds}
