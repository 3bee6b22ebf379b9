"""The world around the checks: collectors, snapshots, reports, commands."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("mqcanary")
except PackageNotFoundError:  # a checkout that was never installed
    VERSION = "0+unknown"
