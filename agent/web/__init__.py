"""Metrics, health and a status page over HTTP: read-only, every answer from one immutable View."""

from agent.web.server import WebOptions, WebServer

__all__ = ["WebOptions", "WebServer"]
