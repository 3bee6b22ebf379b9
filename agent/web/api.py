"""The door for people and jobs elsewhere: JSON over HTTP, for whoever has a token, and each call in the audit log."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, LengthRequired, MethodNotAllowed

from agent.door.door import What
from agent.door.local import LocalDoor
from agent.door.rows import ROWS
from agent.door.wishes import WISHES
from agent.errors import AskError, ConfigError, MqcanaryError
from agent.secret import Secret
from agent.store.inbox import LARGEST
from agent.store.published import picture
from agent.view import View
from agent.web.guard import hardened, same
from agent.web.listener import Listener, ListenOptions
from alerts.policy import Policy
from checks.wording import shown

log = structlog.get_logger("web")
audit = structlog.get_logger("audit", log="audit")


@dataclass(frozen=True, slots=True)
class ApiOptions(ListenOptions):
    """Where to listen, and who may do what. A role without a token is nobody's; whoever may operate may read."""

    read_token: Secret | None = None
    operate_token: Secret | None = None


class ApiServer(Listener):
    """Serves the API of the agent that holds `folder`; `read` gives its latest view, `policy` what it tells by."""

    def __init__(
        self, options: ApiOptions, read: Callable[[], View], folder: Path, policy: Callable[[], Policy]
    ) -> None:
        def view() -> Any:
            seen = read()
            return picture(seen.state, seen.at, observe=seen.observe)

        roles = {"operate": options.operate_token, "read": options.read_token}
        tokens = {role: token for role, token in roles.items() if token is not None}
        super().__init__("api", api(LocalDoor(folder, policy, view), tokens), options, list(tokens.values()))


def api(door: LocalDoor, tokens: Mapping[str, Secret]) -> Flask:
    """The application; `tokens` by role."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST

    def listing(what: What) -> Response:
        found = door.show(what)
        return _json({"at": found.at, what: found.rows})

    for what in ROWS:
        app.add_url_rule(f"/v1/{what}", what, lambda what=what: listing(what))
    app.add_url_rule("/v1/commands", "commands", lambda: _asked(door), methods=["POST"])
    app.before_request(lambda: _refusal(tokens))
    app.after_request(_noted)
    app.after_request(hardened)
    app.register_error_handler(MqcanaryError, _mistaken)
    app.register_error_handler(HTTPException, _told)
    app.register_error_handler(Exception, _bug)
    return app


def _asked(door: LocalDoor) -> Response:
    """Durable before it is answered; 202 where the agent has not come to it yet."""
    wish = _document()
    word = wish.get("command")
    g.asked = word if isinstance(word, str) and word in WISHES else ""
    wish["by"] = wish.get("by") or g.role
    answer = door.ask(wish)
    g.by, g.told = wish["by"], answer.told
    return _json(answer.row(), 200 if answer.done else 202)


def _document() -> dict[str, Any]:
    if request.content_length is None:
        raise LengthRequired  # in chunks there is no telling how much will come
    try:
        document = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError) as error:
        raise AskError("body", f"not JSON ({error}); write an object") from None
    if not isinstance(document, dict):
        raise AskError("body", 'not a JSON object; write {"command": "silence", ...}')
    return document


def _refusal(tokens: Mapping[str, Secret]) -> Response | None:
    """None for whoever may do what they ask for; every token is compared, so that none is found by the time it takes."""
    given: Any = request.authorization
    told = given.token if given is not None and given.type == "bearer" else None
    roles, unread = [], False
    for role, token in tokens.items():
        try:
            if same(told, token):
                roles.append(role)
        except ConfigError as error:
            log.error("no token to compare with", role=role, error=str(error))  # noqa: TRY400 - the user's to mend
            unread = True
    g.role = roles[0] if roles else ""
    if not roles and unread:
        return _json({"error": "a token can't be read; the log of mqcanary says which"}, 503)
    if not roles:
        answer = _json({"error": "a bearer token is needed"}, 401)
        answer.headers["WWW-Authenticate"] = 'Bearer realm="mqcanary"'
        return answer
    if request.method not in {"GET", "HEAD"} and g.role != "operate":
        return _json({"error": "this token may read, not operate"}, 403)
    return None


def _noted(answer: Response) -> Response:
    """Who called what, from where, and what came of it; nothing that a caller wrote and nobody has read yet."""
    rule = request.url_rule.rule if request.url_rule is not None else "elsewhere"
    asked = {name: value for name in ("asked", "by", "told") if (value := g.get(name))}
    note = audit.info if answer.status_code < 400 else audit.warning
    note(
        "called",
        role=g.get("role") or "nobody",
        remote=request.remote_addr,
        call=f"{shown(request.method)} {rule}",
        status=answer.status_code,
        **asked,
    )
    return answer


def _mistaken(error: MqcanaryError) -> Response:
    g.told = str(error)
    if isinstance(error, AskError):
        return _json({"error": error.text, "key": error.key}, 404 if error.unknown else 400)
    return _json({"error": str(error)}, 503)


def _told(error: HTTPException) -> Response:
    answer = _json({"error": error.name.lower()}, error.code or 500)
    if isinstance(error, MethodNotAllowed):
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return answer


def _bug(error: Exception) -> Response:
    log.error("a call failed", exc_info=error)
    return _json({"error": "mqcanary failed; its log says how"}, 500)


def _json(document: Mapping[str, Any], code: int = 200) -> Response:
    return Response(json.dumps(document) + "\n", code, content_type="application/json")
