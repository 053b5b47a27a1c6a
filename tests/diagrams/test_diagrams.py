"""What is drawn is what the layer table says, for every depth of the paper and every shortcut."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.draw_figures import FIGURES, main
from resnet.depth import blocks_per_stage
from resnet.diagrams import Part
from resnet.diagrams.anatomy import anatomy
from resnet.diagrams.net import shown
from resnet.diagrams.svg import DOTTED, SHORTCUT
from tests.conftest import Command
from tests.diagrams.drawn import SVG, described, parsed, texts

DEPTHS = (20, 32, 44, 56, 110, 1202)
VOLUMES = ((16, 32, 32), (32, 16, 16), (64, 8, 8))


@pytest.mark.parametrize(
    ("net", "option", "depth"),
    [
        *((net, option, depth) for net, option in (("resnet", "A"), ("plain", "A")) for depth in DEPTHS),
        *(("resnet", option, depth) for option in ("B", "C") for depth in DEPTHS[:-1]),
    ],
)
def test_the_anatomy_is_the_papers(net: str, depth: int, option: str) -> None:
    parts, n = anatomy(described(net, depth, f"model.shortcut={option}")), blocks_per_stage(depth)
    assert parts.input == (3, 32, 32)
    assert [len(stage) for stage in parts.stages] == [n, n, n]
    blocks = [block for stage in parts.stages for block in stage]
    assert [block.output for block in blocks] == [volume for volume in VOLUMES for _ in range(n)]
    assert [block.input for block in blocks] == [(16, 32, 32), *(block.output for block in blocks[:-1])]
    assert [block.name for block in blocks if block.stride == 2] == ["layer2.0", "layer3.0"]
    changed = {"A": "zeros", "B": "projection", "C": "projection"}[option] if net == "resnet" else "none"
    same = {"A": "identity", "B": "identity", "C": "projection"}[option] if net == "resnet" else "none"
    expected = [changed if block.name in ("layer2.0", "layer3.0") else same for block in blocks]
    assert [block.shortcut for block in blocks] == expected
    assert [layer.kind for layer in parts.head] == ["avgpool", "fc"]


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_whole_net_counts_its_blocks_and_names_its_volumes(depth: int) -> None:
    record, n = described("resnet", depth), blocks_per_stage(depth)
    written, visible = texts(record), min(n, 3)
    assert written[f"ResNet-{depth}"] == 1
    assert written[f"{n:,} blocks"] == 3
    assert written[f"{n - 3:,} more"] == (3 if n > 3 else 0)
    assert written["3×3 conv"] == 3 * 2 * visible
    assert (written["32, /2"], written["64, /2"]) == (1, 1)
    # A stage's name has its volume, an edge that leads into a block or an ellipsis that of its input.
    edges = visible + (n > 3)
    assert written["3×32×32"] == 1
    assert written["16×32×32"] == 1 + edges + 1  # and into the second stage
    assert written["32×16×16"] == 1 + (edges - 1) + 1
    assert written["64×8×8"] == 1 + (edges - 1) + 1  # and into pooling
    assert (written["64"], written["10"]) == (2 * visible - 1 + 1, 3)
    assert f"{record.parameters:,} parameters" in next(text for text in written if "multiply-adds" in text)


@pytest.mark.parametrize(
    ("net", "option", "identities", "zeros", "projections"),
    [("resnet", "A", 7, 2, 0), ("resnet", "B", 7, 0, 2), ("resnet", "C", 0, 0, 9), ("plain", "A", 0, 0, 0)],
)
def test_arcs_are_solid_dotted_or_through_a_box(
    net: str, option: str, identities: int, zeros: int, projections: int
) -> None:
    record = described(net, 20, f"model.shortcut={option}")
    root = parsed(record)
    arcs = [path for path in root.iter(f"{SVG}path") if path.get("stroke") == SHORTCUT]
    # The signs of the legend, three rows above the blocks, are arcs too: one of each kind.
    dotted = [path for path in arcs if path.get("stroke-dasharray") == DOTTED]
    assert len(dotted) == (zeros + 1 if zeros else 0)
    curves = [path for path in arcs if " C " in path.get("d", "") and path not in dotted]
    assert len(curves) == identities + (identities > 0) + (projections > 0)
    assert sum(" Q " in path.get("d", "") for path in arcs) == projections
    assert len(list(root.iter(f"{SVG}circle"))) == (0 if net == "plain" else 9)
    assert sum(count for text, count in texts(record).items() if text.startswith("1×1, ")) == projections


def test_conv1_says_its_kernels_weights_and_multiply_adds() -> None:
    written = texts(described("resnet", 56), Part.stem)
    assert written["16 kernels of 3×3×3"] == written["432 weights"] == 1
    assert written["3×32×32"] == written["16×32×32"] == 1
    assert written["432 weights × 32×32 places = 442,368 multiply-adds"] == 1


@pytest.mark.parametrize(("padding", "zeros"), [("both", ["8 zeros", "8 zeros"]), ("end", ["16 zeros"])])
def test_option_a_shows_where_its_zeros_are(padding: str, zeros: list[str]) -> None:
    record = described("resnet", 20, f"model.zero_padding={padding}")
    written = texts(record, Part.downsample)
    assert [text for text in written.elements() if text.endswith("zeros")] == zeros
    assert written["16 of x"] == 1
    assert written["32×32 becomes 16×16"] == 1
    slabs = [
        shape for shape in parsed(record, Part.downsample).iter(f"{SVG}polygon") if shape.get("stroke-width") == "0.7"
    ]
    filled = [shape.get("fill-opacity") != "0" for shape in slabs]
    before = 8 if padding == "both" else 0
    assert filled == [before <= k < before + 16 for k in range(32)]


def test_blocks_stand_in_the_order_in_which_they_run() -> None:
    def order(net: str, part: Part) -> list[str]:
        boxes = ("3×3 convolution", "BN", "ReLU")
        return [text for text in texts_in_order(net, part) if text in boxes]

    def texts_in_order(net: str, part: Part) -> list[str]:
        return [element.text or "" for element in parsed(described(net, 20), part).iter(f"{SVG}text")]

    plain = ["3×3 convolution", "BN", "ReLU"] * 2
    assert order("plain", Part.block) == plain
    assert order("resnet", Part.block) == plain
    written = texts(described("resnet", 20), Part.block)
    assert written["y = ReLU(F(x) + x)"] == 1
    strides = [text for text in texts_in_order("resnet", Part.downsample) if "stride" in text]
    assert strides == ["32 filters, stride 2", "32 filters, stride 1"]
    projected = texts(described("resnet", 20, "model.shortcut=B"), Part.downsample)
    assert projected["32 filters, stride 2"] == 2  # on both ways


def test_a_stage_leaves_out_what_repeats() -> None:
    blocks = anatomy(described("resnet", 56)).stages[1]
    assert [block if isinstance(block, int) else block.name for block in shown(blocks)] == [
        "layer2.0", "layer2.1", 6, "layer2.8",
    ]  # fmt: skip
    written = texts(described("resnet", 56), Part.stage2)
    assert written["block 1: down-sampling"] == written["6 more"] == written["block 9"] == 1
    assert (written["16×32×32"], written["32×16×16"]) == (1, 4)


def test_the_classes_are_the_data_s() -> None:
    record = described("resnet", 20).model_copy(update={"classes": 100})
    assert texts(record)["100"] == 3


def test_a_wider_net_is_drawn_wider() -> None:
    record = described("resnet", 20, "model.width=2")
    assert anatomy(record).stages[2][-1].output == (128, 8, 8)
    assert texts(record)["128×8×8"] == texts(described("resnet", 20))["64×8×8"]
    assert texts(record, Part.stem)["32 kernels of 3×3×3"] == 1


def test_the_description_tells_the_net() -> None:
    text = parsed(described("resnet", 110))[1].text or ""
    assert "16 kernels of 3×3 over its three channels, 432 weights, stride 1" in text
    assert "The third stage has 18 blocks and makes 64×8×8." in text
    assert "adds 16 zero channels to the 16 of the input, 8 before and 8 after them" in text
    assert "1,727,962 parameters" in text
    assert "There is no shortcut" in (parsed(described("plain", 20), Part.block)[1].text or "")


def test_the_committed_figures_are_what_the_command_draws(tmp_path: Path) -> None:
    main(tmp_path)
    docs = Path(__file__).parent.parent.parent / "docs"
    kept = {path.name: path.read_text(encoding="utf-8") for path in (docs / "figures").iterdir()}
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert kept == drawn, "draw them: python docs/draw_figures.py"
    page = (docs / "nets.md").read_text(encoding="utf-8")
    assert [name for name in FIGURES if f"(figures/{name}.svg)" not in page] == []


def test_the_command_draws_a_file(command: Command, tmp_path: Path) -> None:
    done = command("describe", "--net", "plain", "--depth", "32", "--draw", "figures/a.svg")
    assert (done.returncode, done.stdout) == (0, "figures/a.svg: plain-32, the whole net\n")
    assert "Plain-32" in (tmp_path / "figures/a.svg").read_text(encoding="utf-8")
    mistaken = command("describe", "--part", "block")
    assert mistaken.returncode == 1
    assert "--draw FILE.svg" in mistaken.stderr
