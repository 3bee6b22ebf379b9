"""Slack and what else is told: the token, its scopes, membership in channels; nothing is ever posted."""

from collections.abc import Iterator, Mapping

from agent.config.running import Running
from agent.doctor.model import Item, State, Subject
from agent.errors import ConfigError
from agent.secret import Secret
from alerts.policy import Route
from alerts.sinks.slack_checkup import Channel, Seen, inspect
from checks.wording import shown

_SEEN = "posting would be seen"
_OPTIONAL: Mapping[str, str] = {
    "channels:history": "a message that Slack did not confirm is sent twice, marked as a possible double",
    "groups:history": "the same in private channels",
}
"""Scopes that one can do without, and what that costs."""


def examine(running: Running, deadline: float) -> list[Subject]:
    """`deadline` in seconds, of each call. Never raises for what is outside."""
    subjects = []
    if running.slack_token is not None:
        subjects.append(Subject("slack", tuple(_slack(running, running.slack_token, deadline))))
    others = {f"webhook:{name}": secret for name, secret in sorted(running.webhooks.items())}
    if running.heartbeat is not None:
        others["heartbeat"] = running.heartbeat.url
    subjects += [Subject(name, (_unposted(secret),)) for name, secret in others.items()]
    return subjects


def _unposted(secret: Secret) -> Item:
    try:
        secret.reveal()
    except ConfigError as error:
        return Item("address", State.MISSING, str(error))
    return Item("address", State.UNCHECKED, f"its address is there; whether it works is not tried: {_SEEN}")


def _slack(running: Running, token: Secret, deadline: float) -> Iterator[Item]:
    try:
        value = token.reveal()
    except ConfigError as error:
        yield Item("token", State.MISSING, str(error))
        return
    places = channels(running)
    seen = inspect(value, places, deadline, running.slack_url or None)
    if seen.error:
        mend = "give mqcanary a bot token (xoxb-...) that is valid, and check the way to Slack"
        yield Item("token", State.MISSING, f"it can't be used: {seen.error}", mend=mend)
        return
    yield Item("token", State.OK, f"{shown(seen.bot)} in {shown(seen.team)}")
    if not seen.scopes:
        yield Item("scopes", State.UNCHECKED, "Slack does not tell the scopes of this token")
    elif "chat:write" in seen.scopes:
        yield Item("scopes", State.OK, ", ".join(sorted(seen.scopes)))
    else:
        mend = "add chat:write under OAuth & Permissions, and install the app again"
        yield Item("scopes", State.MISSING, "without chat:write nothing can be told", mend=mend)
    for scope, cost in _OPTIONAL.items() if seen.scopes else ():
        if scope not in seen.scopes:
            yield Item(scope, State.UNCHECKED, f"not granted, and not needed; without it {cost}")
    for place in places:
        yield _channel(place, seen.channels.get(place), seen)


def channels(running: Running) -> list[str]:
    """The channels that routes name, in their order."""
    found: dict[str, None] = {}

    def look(route: Route) -> None:
        found.update(dict.fromkeys(route.destinations))
        for child in route.routes:
            look(child)

    look(running.policy.route)
    if running.policy.fallback:
        found[running.policy.fallback] = None
    return [place.removeprefix("slack:") for place in found if place.startswith("slack:")]


def _channel(place: str, channel: Channel | None, seen: Seen) -> Item:
    name = f"channel {shown(place)}"
    if seen.trouble:
        return Item(name, State.UNCHECKED, f"not checked: {seen.trouble}")
    if channel is None:
        lacking = [scope for scope in ("channels:read", "groups:read") if scope not in seen.scopes]
        if lacking:
            return Item(name, State.UNCHECKED, f"to see it the token needs {' or '.join(lacking)}; {_SEEN}")
        mend = "create it, or invite the bot if it is private (/invite there)"
        return Item(name, State.MISSING, "it does not exist, or is private and the bot is not in it", mend=mend)
    if channel.archived:
        return Item(name, State.MISSING, "it is archived", mend="unarchive it, or name another channel")
    if channel.member:
        return Item(name, State.OK, "the bot is in it")
    if not channel.private and "chat:write.public" in seen.scopes:
        return Item(name, State.OK, "the bot is not in it, but may post to every public channel (chat:write.public)")
    return Item(name, State.MISSING, "the bot is not in it", mend=f"/invite @{shown(seen.bot)} there")
