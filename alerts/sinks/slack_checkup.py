"""What Slack says of a token and of channels, asked without posting anything."""

import http.client
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from alerts.sinks.slack import unreachable, useless

_PAGES = 20
"""Pages of 1,000 channels that are looked through."""
_TROUBLE = (SlackClientError, OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError)
_READ = {"public_channel": "channels:read", "private_channel": "groups:read"}


@dataclass(frozen=True, slots=True)
class Seen:
    """`error` says why the token can't be used, empty if it can. It never holds the token."""

    error: str = ""
    team: str = ""
    bot: str = ""
    scopes: frozenset[str] = frozenset()
    channels: "dict[str, Channel]" = field(default_factory=dict)
    """By the name or id that was asked for, as far as scopes let them be seen."""
    trouble: str = ""
    """Why the channels could not be looked through, if so."""


@dataclass(frozen=True, slots=True)
class Channel:
    name: str
    member: bool
    archived: bool
    private: bool


def inspect(token: str, places: Sequence[str], deadline: float, base_url: str | None = None) -> Seen:
    """`places` are #names and ids of channels; `deadline` in seconds, of each call."""
    client = WebClient(
        token=token, timeout=max(1, round(deadline)), retry_handlers=[], base_url=base_url or WebClient.BASE_URL
    )
    try:
        answer = client.auth_test()
        seen = Seen(team=str(answer["team"]), bot=str(answer["user"]), scopes=_scopes(answer.headers))
    except SlackApiError as error:
        return Seen(useless(error))
    except _TROUBLE as error:
        return Seen(unreachable(error, "Slack").error)
    try:
        return replace(seen, channels=dict(_channels(client, seen.scopes, places)))
    except SlackApiError as error:
        return replace(seen, trouble=useless(error))
    except _TROUBLE as error:
        return replace(seen, trouble=unreachable(error, "Slack").error)


def _scopes(headers: Any) -> frozenset[str]:
    found = next((value for name, value in headers.items() if str(name).lower() == "x-oauth-scopes"), "")
    text = found[0] if isinstance(found, list) and found else found
    return frozenset(part.strip() for part in str(text).split(",") if part.strip())


def _channels(client: WebClient, scopes: frozenset[str], places: Sequence[str]) -> Iterator[tuple[str, Channel]]:
    kinds = [kind for kind, scope in _READ.items() if scope in scopes]
    if not places or not kinds:
        return
    wanted = {place.removeprefix("#"): place for place in places}
    cursor = ""
    for _ in range(_PAGES):
        answer = client.conversations_list(types=",".join(kinds), limit=1000, cursor=cursor or None)
        for row in answer["channels"]:
            place = wanted.get(row["name"]) or wanted.get(row["id"])
            if place is not None:
                member, archived = bool(row.get("is_member")), bool(row.get("is_archived"))
                yield place, Channel(str(row["name"]), member, archived, bool(row.get("is_private")))
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return
