"""Others' weights: the right file or none, their errors, and how strongly their layers respond."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from resnet.data import Data
from resnet.errors import UserError
from resnet.measuring.evaluate import evaluate_weights
from resnet.measuring.published_weights import evaluate_published
from resnet.measuring.responses import response_std
from resnet.nets.model import DepthNet, he_initialisation
from resnet.params import Params, load
from resnet.report.published import published
from resnet.results import PublishedRecords
from resnet.training.batches import normalise
from resnet.training.draws import generator
from tests.conftest import CPU, Command

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]


@pytest.fixture
def theirs(tmp_path: Path) -> DepthNet:
    """A net with option B, whose weights lie in `theirs.th`."""
    net = DepthNet("resnet", 8, "B")
    he_initialisation(net, generator(0, "initialisation"))
    torch.save({"state_dict": net.state_dict()}, tmp_path / "theirs.th")
    return net


def plan(tmp_path: Path, **more: object) -> Params:
    entry = {"name": "theirs", "depth": 8, "weights": str(tmp_path / "theirs.th"), "shortcut": "B", "mean": MEAN}
    entry |= {"std": STD, "source": "here", "trained": "50,000 images"} | more
    return load(None, [f"evaluate.published=[{entry}]", "responses.images=60", "train.device=cpu", "model.width=2"])


def test_errors_and_responses_are_those_of_their_normalisation(theirs: DepthNet, digits: Data, tmp_path: Path) -> None:
    (record,) = evaluate_published(plan(tmp_path), lambda: digits).evaluations
    settings = load(None, ["model.shortcut=B"]).settings_for("resnet", 8)
    expected = evaluate_weights(settings, tmp_path / "theirs.th", digits, CPU, MEAN, STD)
    assert (record.name, record.source, record.shortcut, record.trained) == ("theirs", "here", "B", "50,000 images")
    assert (record.test_error, record.test_loss) == (expected.test_error, expected.test_loss)
    assert record.normalisation == "the mean 0.4, 0.5, 0.6 subtracted, divided by 0.2, 0.25, 0.3"
    assert record.weights_sha256 == hashlib.sha256((tmp_path / "theirs.th").read_bytes()).hexdigest()
    images = torch.from_numpy(digits.train.images[:60]).permute(0, 2, 3, 1)
    mean, scale = 255 * torch.tensor(MEAN), 255 * torch.tensor(STD)
    stds = response_std(theirs, images, lambda x: normalise(x, mean, scale), CPU)
    assert record.responses is not None
    assert (record.responses.images, record.responses.layers) == (60, tuple(stds))
    assert record.responses.std == pytest.approx(tuple(stds.values()), rel=1e-5)


def test_another_file_is_refused_before_anything_is_measured(theirs: DepthNet, tmp_path: Path) -> None:
    def no_data() -> Data:
        raise AssertionError("loaded")

    digest = hashlib.sha256((tmp_path / "theirs.th").read_bytes()).hexdigest()
    with pytest.raises(UserError, match=f"theirs.th: its SHA-256 is {digest}, not that of the parameters' theirs"):
        evaluate_published(plan(tmp_path, sha256="0" * 64), no_data)
    with pytest.raises(UserError, match=r"none\.th: missing; it is to be had from here"):
        evaluate_published(plan(tmp_path, weights=str(tmp_path / "none.th")), no_data)
    with pytest.raises(UserError, match="sha256"):
        plan(tmp_path, sha256="12fca82f")


def test_the_commands_file(digits_folder: Path, theirs: DepthNet, tmp_path: Path, command: Command) -> None:
    digest = hashlib.sha256((tmp_path / "theirs.th").read_bytes()).hexdigest()
    entry = f"{{name: theirs, depth: 8, weights: theirs.th, shortcut: B, mean: {MEAN}, sha256: {digest}}}"
    chosen = f"--set=data.dir={digits_folder}"
    done = command("published", "--out", "p.json", chosen, f"--set=evaluate.published=[{entry}]")
    assert done.returncode == 0, done.stderr
    (record,) = PublishedRecords.read(tmp_path / "p.json").evaluations
    assert record.normalisation == "the mean 0.4, 0.5, 0.6 subtracted"
    assert command("published", "--out", "none.json").returncode == 0  # nothing given needs no data
    assert PublishedRecords.read(tmp_path / "none.json").evaluations == ()


ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("folder", ["", "tenth"])
def test_the_committed_results_are_the_parameters_and_their_authors_errors(folder: str) -> None:
    entries = load(ROOT / folder / "params.yaml").evaluate.published
    records = PublishedRecords.read(ROOT / folder / "runs/published.json").evaluations
    assert [(x.name, x.weights_sha256) for x in records] == [(entry.name, entry.sha256) for entry in entries]
    for record in records:
        theirs = {figure.source: figure.error for figure in published().errors_of(record.net, record.depth)}
        assert round(record.test_error, 2) == theirs["akamaster"]
        assert record.official
        assert record.responses is not None
        assert len(record.responses.std) == record.depth - 1
