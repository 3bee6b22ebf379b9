"""The paths and what each answers."""

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from agent import VERSION
from agent.errors import ConfigError
from agent.metrics import Exposition
from agent.metrics.text import CONTENT_TYPE
from agent.secret import Secret
from agent.view import View
from agent.web.guard import hardened, same
from agent.web.health import missing, stalled
from agent.web.status import status

OPEN = frozenset({"/healthz", "/readyz"})
"""Paths that need no token: probes have none, and they tell nothing that is secret."""

log = structlog.get_logger("web")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the answers come from; called for each request, in any thread."""

    read: Callable[[], View]
    exposition: Callable[[], Exposition]
    clock: Callable[[], float]
    places: Callable[[], Collection[str]] | None
    token: Secret | None
    max_age: float


def pages(sources: Sources) -> Flask:
    """The application: plain text but for the status page, and nothing of a failure but that there was one."""
    app = Flask(__name__, static_folder=None)
    with app.open_resource("templates/style.css") as file:
        css = file.read()
    answers: dict[str, Callable[[], Response]] = {
        "/metrics": lambda: _scrape(sources.exposition()),
        "/healthz": lambda: _health(sources),
        "/readyz": lambda: _readiness(sources),
        "/": lambda: _page(sources),
        "/style.css": lambda: Response(css, content_type="text/css; charset=utf-8"),
    }
    for path, answer in answers.items():
        app.add_url_rule(path, path, answer)
    if sources.token is not None:
        token = sources.token
        app.before_request(lambda: None if request.path in OPEN else _refusal(token))
    app.after_request(hardened)
    app.register_error_handler(HTTPException, _told)
    app.register_error_handler(Exception, _bug)
    return app


def _told(error: HTTPException) -> Response:
    answer = _plain(error.name.lower(), error.code or 500)
    if isinstance(error, MethodNotAllowed):
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return answer


def _bug(error: Exception) -> Response:
    log.error("a page failed", path=request.path, exc_info=error)
    return _plain("mqcanary failed; its log says how", 500)


def _health(sources: Sources) -> Response:
    why = stalled(sources.read(), sources.clock(), sources.max_age)
    return _plain(why or "ok", 503 if why else 200)


def _readiness(sources: Sources) -> Response:
    lacking = missing(sources.read(), sources.places)
    body = json.dumps({"ready": not lacking, "missing": lacking})
    return Response(body + "\n", 503 if lacking else 200, content_type="application/json")


def _page(sources: Sources) -> Response:
    page = status(sources.read(), sources.clock())
    return Response(render_template("status.html", page=page, version=VERSION), content_type="text/html; charset=utf-8")


def _scrape(made: Exposition) -> Response:
    body: Iterable[bytes] = made.blocks()
    size, coding = made.size, ""
    if request.accept_encodings["gzip"]:
        body, size, coding = [made.compressed], len(made.compressed), "gzip"
    answer = Response(body, content_type=CONTENT_TYPE)
    answer.content_length = size
    answer.headers["Vary"] = "Accept-Encoding"
    if coding:
        answer.headers["Content-Encoding"] = coding
    return answer


def _refusal(token: Secret) -> Response | None:
    """A browser asks its user for the token as the password of any name."""
    given: Any = request.authorization
    told = (given.token if given.type == "bearer" else given.password) if given is not None else None
    try:
        if same(told, token):
            return None
    except ConfigError as error:
        log.error("no token to compare with", error=str(error))  # noqa: TRY400 - the user's to mend
        return _plain("the token can't be read; the log of mqcanary says why", 503)
    answer = _plain("a bearer token is needed", 401)
    answer.headers.add("WWW-Authenticate", 'Bearer realm="mqcanary"')
    answer.headers.add("WWW-Authenticate", 'Basic realm="mqcanary", charset="UTF-8"')
    return answer


def _plain(text: str, code: int) -> Response:
    return Response(text + "\n", code, content_type="text/plain; charset=utf-8")
