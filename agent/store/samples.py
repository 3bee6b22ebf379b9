"""What sampling leaves on disk: a salt, and of each topic the last sample, which is counts and salted hashes."""

import json
import os
import secrets
import tempfile
import time
import zlib
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import structlog

from agent.collect.kafka.sampling import BUDGET, Reading, Sampling
from agent.config.model import KafkaTarget
from agent.errors import ConfigError
from agent.snapshot import decode_as, encode
from checks.facts import Sample, Unknown

_FOLDER = "samples"
_SALT = 32
_KEPT = 7 * 86400.0
"""Seconds after which a sample that nobody replaced is deleted: its topic is not sampled any more."""

log = structlog.get_logger("samples")


def salt(state: Path) -> bytes:
    """The salt of a state directory, made where there is none. It is in no snapshot and no log.

    Raises:
        ConfigError: it can't be read or written.
    """
    path = state / "salt"
    try:
        if not path.exists() or path.stat().st_size != _SALT:
            _write(path, secrets.token_bytes(_SALT))
        path.chmod(0o600)
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path} can't be used ({error.strerror}): make it readable and writable for this user"
        ) from None


class Samples:
    """The samples of one cluster, by topic. What can't be read is as if it were not there, what can't be written is said."""

    def __init__(self, state: Path, place: str) -> None:
        self._folder, self._place = state / _FOLDER, place
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)

    def get(self, topic: str) -> Reading | None:
        try:
            told = json.loads(zlib.decompress(self._path(topic).read_bytes()))
            sample = decode_as(told["sample"], Sample | Unknown)  # type: ignore[arg-type]
            return Reading(float(told["at"]), int(told["size"]), sample)
        except (OSError, ValueError, LookupError, TypeError, zlib.error):
            return None

    def put(self, topic: str, reading: Reading) -> None:
        told = {"at": reading.at, "size": reading.size, "sample": encode(reading.sample)}
        try:
            _write(self._path(topic), zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 1))
        except OSError as error:
            log.warning("sample not saved", place=self._place, topic=topic, error=error.strerror)

    def _path(self, topic: str) -> Path:
        # Names of topics may be as long as those of files, and those of places hold anything.
        return self._folder / blake2b(f"{self._place}\n{topic}".encode(), digest_size=16).hexdigest()


def sampling_of(target: KafkaTarget, state: Path, salt: bytes) -> Sampling | None:
    """What an agent samples of a cluster, if anything."""
    if target.sample is None:
        return None
    place = target.name or ",".join(f"{host}:{port}" for host, port in target.bootstrap)
    return Sampling(target.sample.topics, target.sample.budget or BUDGET, salt, memory=Samples(state, place))


def sweep(state: Path) -> None:
    """Deletes the samples that nobody has replaced for a week."""
    with suppress(OSError):
        for path in (state / _FOLDER).iterdir():
            if path.stat().st_mtime < time.time() - _KEPT:
                path.unlink()


def _write(path: Path, data: bytes) -> None:
    """Renames it into place: nobody ever sees a part of it. Readable for this user alone."""
    file, hidden = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:8]}-")
    try:
        with os.fdopen(file, "wb") as out:
            out.write(data)
        Path(hidden).replace(path)
    except BaseException:
        Path(hidden).unlink(missing_ok=True)
        raise
