"""Cost against size, and against the share of groups that changed, as an SVG that is read on light and on dark."""

import math
from collections.abc import Callable, Sequence
from html import escape

from bench.collection.simulated import CHANGING, Line

WIDTH, HIGH = 900, 400
TOP, BOTTOM = 64, 340
LEFT, RIGHT = (64, 390), (572, 782)
"""Where the two panels begin and end; the names of the lines stand behind each."""
LOWEST, HIGHEST = 0.003, 3.0
"""CPU seconds at the ends of the axis, unless a look costs more or less."""
LINE_HEIGHT = 16

_STYLE = """
  svg { --ground: #fff; --ink: #1f2328; --faint: #59636e; --grid: #e4e7eb; --mqcanary: #b35900; --confluent-kafka: #0969da; --kafka-python: #8250df }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #0d1117; --ink: #f0f6fc; --faint: #9198a1; --grid: #2a313c; --mqcanary: #f2b134; --confluent-kafka: #58a6ff; --kafka-python: #c297ff }
  }
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--faint) }
  .title { font-size: 14px; font-weight: 600; fill: var(--ink) }
  .grid { stroke: var(--grid) }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round }
  .less { stroke-dasharray: 5 4 }
"""


def draw(sizes: Sequence[Line], shares: Sequence[Line]) -> str:
    """`sizes`: seconds of group-partitions for each client; `shares`: of a share of groups from 0 to 1, at CHANGING."""
    seconds = [cpu for line in (*sizes, *shares) for _, cpu in line.points]
    low, high = math.log(min(LOWEST, *seconds)), math.log(max(HIGHEST, *seconds))

    def up(cpu: float) -> float:
        return BOTTOM - (math.log(cpu) - low) / (high - low) * (BOTTOM - TOP)

    rows = [size for line in sizes for size, _ in line.points]
    least, most = math.log(min(1000, *rows)), math.log(max(150_000, *rows))

    def of_size(size: float) -> float:
        return LEFT[0] + (math.log(size) - least) / (most - least) * (LEFT[1] - LEFT[0])

    def of_share(part: float) -> float:
        return RIGHT[0] + part * (RIGHT[1] - RIGHT[0])

    topics, partitions, groups, each = CHANGING
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HIGH}" width="{WIDTH}" role="img">']
    parts += [
        f"<title>CPU seconds of one look, by size and by share of groups that changed</title><style>{_STYLE}</style>"
    ]
    parts += [f'<rect width="{WIDTH}" height="{HIGH}" rx="6" fill="var(--ground)"/>']
    parts += _text(LEFT[0], 26, "CPU seconds of one look, by size", "title")
    parts += _text(LEFT[0], 44, "both axes logarithmic; simulated cluster")
    parts += _text(RIGHT[0], 26, "… and by share of groups changed", "title")
    parts += _text(RIGHT[0], 44, f"at {groups * each * partitions // topics:,} group-partitions")
    for left, right in (LEFT, RIGHT):
        for cpu in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10):
            if low - 1e-9 <= math.log(cpu) <= high + 1e-9:
                parts.append(f'<path class="grid" d="M{left} {up(cpu):.1f}H{right}"/>')
                parts += _text(left - 8, up(cpu) + 4, f"{cpu:g} s", anchor="end")
    for size in (1000, 3000, 10_000, 30_000, 100_000):
        parts += _text(of_size(size), BOTTOM + 20, f"{size:,}", anchor="middle")
    parts += _text(sum(LEFT) / 2, BOTTOM + 42, "group-partitions", anchor="middle")
    for part in (0, 0.25, 0.5, 0.75, 1):
        parts += _text(of_share(part), BOTTOM + 20, f"{part:.0%}", anchor="middle")
    parts += _text(sum(RIGHT) / 2, BOTTOM + 42, "groups that committed since the last look", anchor="middle")
    parts += _lines(sizes, of_size, up) + _lines(shares, of_share, up)
    return "\n".join([*parts, "</svg>", ""])


def _lines(lines: Sequence[Line], across: Callable[[float], float], up: Callable[[float], float]) -> list[str]:
    """Each with its name behind its end; names that would touch stand below each other."""
    parts: list[str] = []
    free = 0.0
    for line in sorted(lines, key=lambda line: -line.points[-1][1]):
        client, _, what = line.name.partition(", ")
        dots = [(across(x), up(cpu)) for x, cpu in line.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in dots)
        less = " less" if what.startswith("nothing") else ""
        parts.append(f'<path class="line{less}" stroke="var(--{client})" d="M{path}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="var(--{client})"/>' for x, y in dots]
        words = [client, what] if what else [client]
        y = max(dots[-1][1] + 4 - (LINE_HEIGHT / 2 if what else 0), free)
        for word in words:
            parts += _text(dots[-1][0] + 8, y, word, color=client)
            y += LINE_HEIGHT
        free = y
    return parts


def _text(x: float, y: float, text: str, kind: str = "", *, anchor: str = "", color: str = "") -> list[str]:
    more = "".join(
        (
            f' class="{kind}"' if kind else "",
            f' text-anchor="{anchor}"' if anchor else "",
            f' style="fill:var(--{color})"' if color else "",
        )
    )
    return [f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(text)}</text>']
