"""What the bench of collection draws and builds; its numbers are its own affair."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.collection import exporters
from bench.collection.picture import HIGH, WIDTH, draw
from bench.collection.simulated import Line, power

SVG = "{http://www.w3.org/2000/svg}"
SIZES = [
    Line("confluent-kafka", [(1040, 0.012), (104_000, 1.3), (157_500, 1.9)]),
    Line("kafka-python", [(1040, 0.02), (104_000, 1.3), (157_500, 1.9)]),
    Line("mqcanary, all groups changed", [(1040, 0.02), (104_000, 0.5), (157_500, 0.8)]),
    Line("mqcanary, nothing changed", [(1040, 0.008), (104_000, 0.09), (157_500, 0.1)]),
]
SHARES = [
    Line("confluent-kafka", [(0.0, 1.3), (1.0, 1.3)]),
    Line("mqcanary", [(0.0, 0.09), (0.1, 0.14), (1.0, 0.5)]),
]


@pytest.mark.parametrize("factor", [0.001, 1.0, 100.0])
def test_a_picture_holds_everything_that_it_draws_however_fast_the_machine(factor: float) -> None:
    sizes, shares = (
        [Line(line.name, [(x, cpu * factor) for x, cpu in line.points]) for line in lines] for lines in (SIZES, SHARES)
    )
    root = ET.fromstring(draw(sizes, shares))  # noqa: S314 - our own
    dots = list(root.iter(f"{SVG}circle"))
    assert len(dots) == 4 * 3 + 2 + 3
    assert all(0 < float(dot.attrib["cx"]) < WIDTH and 0 < float(dot.attrib["cy"]) < HIGH for dot in dots)
    places = [(float(text.attrib["x"]), float(text.attrib["y"])) for text in root.iter(f"{SVG}text")]
    assert all(0 < x < WIDTH and 0 < y < HIGH for x, y in places)
    assert len(set(places)) == len(places), "no name covers another"


def test_the_exponent_is_that_of_all_sizes() -> None:
    assert power(Line("", [(x, 3e-6 * x**1.04) for x in (1e3, 1e4, 1e5)])) == pytest.approx(1.04)


def test_klag_exporter_is_built_only_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQCANARY_CACHE", str(tmp_path))
    monkeypatch.setattr(exporters.shutil, "which", lambda *_, **__: None)
    assert exporters.built(build=False) is None
    with pytest.raises(SystemExit, match="cargo is missing"):
        exporters.built(build=True)
    program = tmp_path / f"klag-{exporters.KLAG}" / "bin" / "klag-exporter"
    program.parent.mkdir(parents=True)
    program.touch()
    assert exporters.built(build=True) == exporters.built(build=False) == program
