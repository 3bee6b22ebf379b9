"""Java and the jars of Apache Kafka: resolved once by Maven, then kept in a folder named after the version."""

import contextlib
import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

POM = Path(__file__).parent / "kafka" / "pom.xml"
ZOOKEEPER_POM = POM.with_name("zookeeper.pom.xml")
"""For releases before 3.0."""
CONNECT_POM = POM.with_name("connect.pom.xml")
STREAMS_POM = POM.with_name("streams.pom.xml")
CHECKOUT = Path(__file__).parents[2]


class MissingToolError(RuntimeError):
    """Something that a live test needs is not installed; the message is one line and names the Debian package."""


@functools.cache
def java() -> str:
    path = shutil.which("java")
    if path is None:
        raise MissingToolError("live tests need Java 17 or later: install openjdk-17-jre-headless")
    banner = subprocess.run([path, "-version"], capture_output=True, text=True, check=True, timeout=30).stderr
    version = re.search(r'version "(\d+)', banner)
    if version is None or int(version[1]) < 17:
        raise MissingToolError(f"live tests need Java 17 or later, {path} is older: install openjdk-17-jre-headless")
    return path


@functools.cache
def version() -> str:
    found = re.search(r"<kafka\.version>([^<]+)<", POM.read_text())
    if found is None:
        raise RuntimeError(f"{POM} names no kafka.version")
    return found[1]


@functools.cache
def classpath(release: str = "") -> str:
    """The class path of broker and tools, of that release; the first call ever asks Maven, for some seconds."""
    java()
    release = release or version()
    pom = ZOOKEEPER_POM if int(release.split(".", maxsplit=1)[0]) < 3 else POM
    return f"{_folder('kafka', pom, release)}/*"


@functools.cache
def connectors() -> Path:
    """A folder with the connectors of Kafka Connect for files; the worker that runs them is among the tools."""
    return _folder("connect-file", CONNECT_POM, version())


@functools.cache
def streams() -> str:
    """The class path of an application on Kafka Streams: apart, since it is as large as all the rest."""
    java()
    if shutil.which("javac") is None:
        raise MissingToolError("a Kafka Streams application is compiled as it starts: install openjdk-17-jdk-headless")
    return f"{_folder('kafka-streams', STREAMS_POM, version())}/*"


def _folder(name: str, pom: Path, release: str) -> Path:
    cache = Path(os.environ.get("MQCANARY_CACHE") or CHECKOUT / ".cache")
    folder = cache / f"{name}-{release}"
    if not folder.is_dir():
        _resolve(folder, pom, release)
    return folder


def _resolve(folder: Path, pom: Path, release: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingToolError("live tests need Maven once, for the jars of Apache Kafka: install maven")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f"{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True
    ) as scratch:
        half = Path(scratch) / "jars"
        argv = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        argv += [f"-DoutputDirectory={half}", "-DincludeScope=runtime", f"-Dkafka.version={release}"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            raise RuntimeError(
                f"Maven did not resolve the jars of Apache Kafka:\n{(done.stdout + done.stderr)[-3000:]}"
            )
        # The folder appears whole or not at all. Another session may have been faster: its jars are the same.
        with contextlib.suppress(OSError):
            half.rename(folder)
    if not folder.is_dir():
        raise RuntimeError(f"the jars of Apache Kafka could not be put in {folder}")
