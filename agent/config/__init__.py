"""The configuration file: what mqcanary watches, and by which limits."""

from agent.config.loading import load
from agent.config.model import Config

__all__ = ["Config", "load"]
