"""Whose dead letters a topic holds, in words."""

from checks.facts import Letters
from checks.wording import listed, shown


def of_whom(letters: Letters) -> str:
    """` (of orders)`, to follow the name of their topic; empty where nobody knows."""
    if letters.topics:
        return f" (of {listed(letters.topics)})"
    return f" (of group {shown(letters.group)})" if letters.group else ""
