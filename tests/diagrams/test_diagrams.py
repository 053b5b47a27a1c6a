"""What is drawn is what the layer table says, for every depth of the paper and every shortcut."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs.draw_figures import FIGURES, main
from resnet.cli import run
from resnet.depth import blocks_per_stage
from resnet.diagrams import Part, draw
from resnet.diagrams.chart import DOTTED
from resnet.diagrams.net import read
from resnet.diagrams.svg import SHORTCUT
from resnet.errors import UserError
from resnet.nets.layers import describe
from resnet.params import load
from resnet.results import DescriptionRecord

SVG = "{http://www.w3.org/2000/svg}"
VOLUMES = ((16, 32, 32), (32, 16, 16), (64, 8, 8))


@cache
def described(net: str, depth: int, *assignments: str) -> DescriptionRecord:
    return describe(load(None, assignments).settings_for(net, depth))


def parsed(record: DescriptionRecord, part: Part = Part.net, alone: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(draw(record, part, alone))


def texts(record: DescriptionRecord, part: Part = Part.net) -> list[str]:
    """The lines of text of a drawing, in their order."""
    return [element.text or "" for element in parsed(record, part).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("net", "option", "depth"), [("resnet", "A", 1202), ("resnet", "B", 56), ("resnet", "C", 56), ("plain", "A", 20)]
)
def test_the_parts_are_the_papers(net: str, option: str, depth: int) -> None:
    parts, n = read(described(net, depth, f"model.shortcut={option}")), blocks_per_stage(depth)
    assert parts.input == (3, 32, 32)
    assert [len(stage) for stage in parts.stages] == [n, n, n]
    blocks = [block for stage in parts.stages for block in stage]
    assert [block.output for block in blocks] == [volume for volume in VOLUMES for _ in range(n)]
    assert [block.input for block in blocks] == [(16, 32, 32), *(block.output for block in blocks[:-1])]
    assert [k for k, block in enumerate(blocks) if block.stride == 2] == [n, 2 * n]
    changed = {"A": "zeros", "B": "projection", "C": "projection"}[option] if net == "resnet" else "none"
    same = {"A": "identity", "B": "identity", "C": "projection"}[option] if net == "resnet" else "none"
    assert [block.shortcut for block in blocks] == [changed if k in (n, 2 * n) else same for k in range(3 * n)]


def test_the_whole_net_from_the_image_to_the_classes() -> None:
    written = texts(described("resnet", 56))
    assert written[:2] == ["ResNet-56", "853,018 parameters, 125.5 million multiply-adds an image"]
    volumes = [text for text in written if re.fullmatch(r"\d+(×\d+)*", text)]
    assert volumes == ["3×32×32", "16×32×32", "16×32×32", "32×16×16", "32×16×16", "64×8×8", "64×8×8", "64"]
    strides = [(16, 1), (16, 1), (16, 1), *((filters, stride) for filters in (32, 64) for stride in (2, 1, 1, 1))]
    expected = [f"3×3 conv, {filters} filters, stride {stride}" for filters, stride in strides]
    assert [text for text in written if text.startswith("3×3 conv")] == expected
    assert written[-4:-1] == ["64", "fully connected, 10 classes", "softmax · 650 parameters"]
    assert written[-1] == "10 probabilities"


def test_blocks_that_are_built_alike_are_counted() -> None:
    record = described("resnet", 110)
    assert [text for text in texts(record) if text.startswith("× ")] == ["× 18", "× 17", "× 17"]
    assert "18 blocks" in texts(record, Part.stage2)


@pytest.mark.parametrize(
    ("net", "option", "identities", "zeros", "projections"),
    [("resnet", "A", 3, 2, 0), ("resnet", "B", 3, 0, 2), ("resnet", "C", 0, 0, 5), ("plain", "A", 0, 0, 0)],
)
def test_shortcuts_are_solid_dotted_or_through_a_box(
    net: str, option: str, identities: int, zeros: int, projections: int
) -> None:
    record = described(net, 20, f"model.shortcut={option}")
    root, written = parsed(record), texts(record)
    lines = [path for path in root.iter(f"{SVG}path") if path.get("stroke") == SHORTCUT and "q" in path.get("d", "")]
    assert len([path for path in lines if path.get("stroke-dasharray") == DOTTED]) == zeros
    assert len(lines) == len(list(root.iter(f"{SVG}circle"))) == identities + zeros + projections
    assert written.count("identity") == written.count("y = ReLU(F(x) + x)") == identities
    assert written.count("every second pixel") == zeros
    assert written.count("1×1 convolution") == projections


@pytest.mark.parametrize(
    ("padding", "channels", "filled"),
    [("both", "8 zeros, 16 of x, 8 zeros", [False, True, False]), ("end", "16 of x, 16 zeros", [True, False])],
)
def test_option_a_shows_where_its_zeros_are(padding: str, channels: str, filled: list[bool]) -> None:
    record = described("resnet", 20, f"model.zero_padding={padding}")
    written = texts(record, Part.downsample)
    assert {"32×32 to 16×16", channels, "x: 16×32×32", "y: 32×16×16"} <= set(written)
    row = [shape for shape in parsed(record, Part.downsample).iter(f"{SVG}rect") if shape.get("rx") == "0"]
    assert [shape.get("fill-opacity") != "0" for shape in row] == filled
    assert sum(float(shape.get("width", 0)) for shape in row) == pytest.approx(132)


def test_relu_and_parameters_are_where_they_are_in_the_net() -> None:
    def norms(net: str, part: Part, *assignments: str) -> list[str]:
        return [text for text in texts(described(net, 20, *assignments), part) if "parameters" in text][1:]

    both = "batch norm, ReLU · {} parameters".format
    assert norms("plain", Part.block) == [both("2,336"), both("2,336")]
    assert norms("resnet", Part.block) == [both("2,336"), "batch norm · 2,336 parameters"]
    assert norms("resnet", Part.downsample, "model.shortcut=B")[-1] == "576 parameters"  # 16 · 32 + 2 · 32
    assert norms("resnet", Part.stem) == [both("464")]  # 3 · 3 · 3 · 16 + 2 · 16
    assert norms("resnet", Part.stem, "model.width=2") == [both("928")]


@pytest.mark.parametrize("part", list(Part))
@pytest.mark.parametrize(("net", "depth", "option"), [("resnet", 110, "A"), ("resnet", 32, "B"), ("plain", 8, "A")])
def test_a_drawing_fits_a_canvas_inside_any_page(net: str, depth: int, option: str, part: Part) -> None:
    root = parsed(described(net, depth, f"model.shortcut={option}"), part)
    assert (root.get("role"), root.get("fill"), root[0].tag) == ("img", "currentColor", f"{SVG}title")
    assert root[1].tag == f"{SVG}desc"
    assert "3×3 conv" in (root[1].text or "")
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    assert root.get("viewBox") == f"0 0 {width:g} {height:g}"
    for element in root.iter():
        # No identifier can collide, no rule of style can leak, nothing is run or loaded.
        assert element.tag.removeprefix(SVG) in ("svg", "title", "desc", "text", "rect", "path", "circle")
        assert not {"id", "class", "style", "href"} & element.attrib.keys()
        x, y = float(element.get("x", 0)), float(element.get("y", 0))
        right, below = x + float(element.get("width", 0)), y + float(element.get("height", 0))
        if element.tag == f"{SVG}text":  # a letter is about 0.55 of its size wide
            long = 0.55 * float(element.get("font-size", 0)) * len(element.text or "")
            x -= {"middle": long / 2, "end": long}.get(element.get("text-anchor", ""), 0)
            right = x + long
        assert x >= 0, ElementTree.tostring(element)
        assert right <= width, ElementTree.tostring(element)
        assert below <= height, ElementTree.tostring(element)


def test_classes_names_and_a_files_colours() -> None:
    record = described("resnet", 20).model_copy(update={"net": "<script>", "shortcut": "</text>&", "classes": 100})
    assert (texts(record)[0], texts(record)[-1]) == ("<script>-20", "100 probabilities")
    (style,) = parsed(record, alone=True).iter(f"{SVG}style")
    assert "prefers-color-scheme: dark" in (style.text or "")


def test_what_is_no_net_of_ours_is_refused() -> None:
    record = described("resnet", 8)
    first, *others = record.layers
    flat = first.model_copy(update={"output": (16,)})
    for layers in ((), (first,), (*others,), record.layers[:-1], record.layers[:12], (flat, *others)):
        with pytest.raises(UserError, match="resnet-8: its layer table is of no net that can be drawn"):
            draw(record.model_copy(update={"layers": layers}))


def test_the_committed_figures_are_what_the_command_draws(tmp_path: Path) -> None:
    main(tmp_path)
    docs = Path(__file__).parent.parent.parent / "docs"
    committed = {path.name: path.read_text(encoding="utf-8") for path in (docs / "figures").iterdir()}
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert committed == drawn, "draw them: python docs/draw_figures.py"
    page = (docs / "nets.md").read_text(encoding="utf-8")
    assert [name for name in FIGURES if f"(figures/{name}.svg)" not in page] == []


def test_the_command_draws_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["describe", "--net", "plain", "--depth", "32", "--draw", "figures/a.svg"]) == 0
    assert capsys.readouterr().out == "figures/a.svg: plain-32, the whole net\n"
    assert "Plain-32" in (tmp_path / "figures/a.svg").read_text(encoding="utf-8")
    assert run(["describe", "--part", "block"]) == 1
    assert "--draw FILE.svg" in capsys.readouterr().err
