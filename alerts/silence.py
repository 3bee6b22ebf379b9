"""What somebody asked not to hear of for a while."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from alerts.model import Alert, Silence


def silenced_by(silences: Mapping[str, Silence], alert: Alert, now: float) -> Silence | None:
    """The silence that mutes an alert now."""
    fingerprint = alert.fingerprint
    return next(
        (
            s
            for s in silences.values()
            if now < s.until and fnmatchcase(fingerprint.check, s.checks) and s.resources.matches(fingerprint.address)
        ),
        None,
    )
