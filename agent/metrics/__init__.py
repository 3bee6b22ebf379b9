"""What Prometheus is told: pure text, made once of each View and served to every scraper."""

from agent.metrics.exposition import Exposition, Options, exposition

__all__ = ["Exposition", "Options", "exposition"]
