"""How each documented command is run: whoever documents a new one says it here."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Run:
    """It is typed in a clone, where `put` replaces words that stand for something, and `more` is appended.

    `says` is in its output; `leaves` is the pattern of a file that it makes or makes anew. Where `again` is
    in its output it is typed once more: Ray gives itself 30 seconds to start, and a busy machine takes longer.
    """

    says: str = ""
    leaves: str = ""
    more: str = ""
    again: str = ""
    put: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class As:
    """Another documented command does the same: this one is named only, or differs in values."""

    command: str


@dataclass(frozen=True)
class Elsewhere:
    """A test, or a line of a file, runs it for real: `words` of the command stand there."""

    where: str
    words: str


@dataclass(frozen=True)
class NotRun:
    reason: str


WEIGHTS = "runs/train/resnet-20/seed-1/model.safetensors"
"""Of ResNet-20's seed 1: in Git, so that every clone has them."""

CLONE: dict[str, Run] = {
    "resnet --help": Run("describe"),
    "resnet status": Run("resnet-1202"),
    "resnet check": Run("all is well"),
    "make size": Run("docs"),
    "resnet report": Run("reports/summary.md", "reports/index.html"),
    "resnet adopt tenth/dvc.yaml": Run("train@resnet-20: ", "tenth/dvc.lock"),
    "dvc repro tenth/dvc.yaml": Run("'tenth/dvc.yaml:train@resnet-20'", more="--dry --allow-missing"),
    "resnet describe --depth 20": Run("fc"),
    "resnet describe --net resnet --depth 56 --draw resnet-56.svg": Run("resnet-56.svg", "resnet-56.svg"),
    "resnet describe --net resnet --depth 56 --draw block.svg --part downsample": Run("block.svg", "block.svg"),
    "resnet describe --depth 20 --set model.shortcut=B --draw resnet-20-option-b.svg": Run(
        leaves="resnet-20-option-b.svg"
    ),
    "python docs/draw_figures.py": Run(leaves="docs/figures/resnet-56.svg"),
    "resnet evaluate --depth 20 --weights FILE --data SOURCE": Run(
        "test error", put={"FILE": WEIGHTS, "SOURCE": "~/cifar10.zip"}
    ),
    "python bench/usual_loop.py --depth 20": Run(
        "ratio",
        "runs/usual-loop/*-resnet-20.json",
        more="--out runs/usual-loop --rounds 1 --steps 1 --batch-size 4 --images 8",
    ),
    "python bench/cpu_kernels.py --rounds 5": Run("an iteration | ms | share", more="--depth 8 --rounds 1"),
    "python bench/busy.py --depth 20": Run(
        "quiet", more="--depth 8 --seconds 0.1 --rounds 1 --busy 0 --ways GOMP_SPINCOUNT=1000"
    ),
    "python bench/bf16_gradient.py ~/cifar10.zip": Run("plain-8: ", more="8"),
    "dvc plots show runs/train/resnet-20/seed-0/history.csv -x iteration -y test_error": Run(
        leaves="dvc_plots/index.html"
    ),
    "make lock": Run("uv pip compile", more="-n"),
    "make test": Run('-m "not slow"', more="-n"),
    "make PYTHON=python3.12 test": Run("python3.12 -m venv .venv", more="-n"),
    "make CPU=1 quickstart": Run("--torch-backend cpu", more="-n"),
    ".venv/bin/pre-commit install": Run(leaves=".git/hooks/pre-commit"),
}
"""In a clone of this commit, nothing else: its results are in Git, its data and weights are not."""

SMALL: dict[str, Run] = {
    "python -m resnet data": Run("data/cifar10", "data/cifar10/data.json"),
    "dvc repro train@resnet-20": Run("'train@resnet-20'", "weights/resnet-20/seed-1/model.safetensors"),
    "resnet plan": Run(
        "train@plain-20: complete", "weights/plain-20/seed-1/model.safetensors", again="timed out during startup"
    ),
    "CIFAR10_SOURCE=~/cifar10.zip dvc repro": Run("'throughput'", "reports/summary.md"),
    "resnet status --watch": Run("│ all       │            │    4 │       0 │       0 │         0 │"),
    "resnet adopt dvc.yaml": Run("train@plain-20: complete", "dvc.lock"),
    "dvc repro -f published": Run("'published'", "runs/published.json"),
    "resnet published --out FILE": Run("ours", "published.json", put={"FILE": "published.json"}),
    "resnet train --net resnet --depth 20 --seeds 0,1 --out DIR": Run(
        leaves="two/seed-1/metrics.json", put={"DIR": "two"}
    ),
    "resnet train --depth 56 --name resnet-56 --seeds 0,1 --set train.device=cuda:0 "
    "--out runs/train/resnet-56 --weights weights/resnet-56 &": Run(
        leaves="weights/resnet-56/seed-1/model.safetensors", more="--set train.device=cpu"
    ),
    "resnet responses --depth 20 --weights DIR --out FILE": Run(
        leaves="responses.json", put={"DIR": "weights/resnet-20", "FILE": "responses.json"}
    ),
    "resnet throughput --depth 110": Run("images/s"),
    "resnet latency": Run("runs/latency/cpu.json"),
    "resnet sweep --nets resnet-20,resnet-56 --set sweep.trials=12": Run(
        "resnet-20", "runs/sweep/best-resnet-20.yaml", put={"resnet-20,resnet-56": "resnet-20", "12": "2"}
    ),
    "resnet train --params runs/sweep/best-resnet-20.yaml --depth 20 --out runs/tuned/resnet-20": Run(
        leaves="runs/tuned/resnet-20/seed-0/metrics.json"
    ),
    "resnet forecast --runs runs/train --out runs/forecast": Run(leaves="runs/forecast/forecast.json"),
    "dvc exp run -S train.iterations=400 -S train.seeds=1": Run(
        "'train@resnet-20'", "runs/train/resnet-20/seed-0/metrics.json", more="-S train.iterations=6 train@resnet-20"
    ),
}
"""In a clone whose params.yaml asks for two nets, few iterations and few steps, with images in ~/cifar10.zip."""

QUICKSTART: dict[str, Run] = {
    "dvc exp run quickstart/dvc.yaml:train@plain-20 -S quickstart/params.yaml:train.iterations=30": Run(
        "'quickstart/dvc.yaml:train@plain-20'", "quickstart/weights/plain-20/seed-1/model.safetensors"
    ),
    "dvc repro quickstart/dvc.yaml:train@plain-20": Run("up to date"),
}
"""In another clone. The last one finds what the one before it has made."""

FEW = "-k 'stem and b1-' bench"
BENCHMARKS: dict[str, Run] = {
    "pytest --benchmark-only --full-grid": Run("1024", more="--collect-only -q bench"),
    "pytest --benchmark-only -k 'stage1 and b128'": Run("stage1", more="--collect-only -q bench"),
    "pytest --benchmark-only --benchmark-autosave": Run(leaves=".benchmarks/*/0001_*.json", more=FEW),
    "pytest --benchmark-only --benchmark-compare": Run("0001", more=FEW),
    "pytest --benchmark-only --benchmark-json=latency.json && resnet latency --from latency.json": Run(
        "runs/latency/", "runs/latency/*.json", put={"latency.json &&": f"latency.json {FEW} &&"}
    ),
    "pytest --benchmark-only --benchmark-group-by=param:net": Run("benchmark 'net=", more=FEW),
}
"""In another clone, of the stem alone."""

REPRO = As("CIFAR10_SOURCE=~/cifar10.zip dvc repro")
QUICK = As("dvc exp run quickstart/dvc.yaml:train@plain-20 -S quickstart/params.yaml:train.iterations=30")
OF_TWO_DEVICES = next(command for command in SMALL if "cuda:0" in command)
FRESH = "tests/pipeline/test_plans.py::test_a_fresh_clone_keeps_what_it_was_given"
OWN = REMOTE = "tests/pipeline/test_dvc.py::test_the_life_of_a_plan_of_ones_own"
RECIPE = Elsewhere(
    "tests/pipeline/test_travel.py::test_the_recipe_brings_results_from_a_machine_without_dvc_and_git",
    "for script in recipe()",  # the page's own lines
)
ADDRESS = NotRun("the repository's address is its owner's to fill in")
INDEX = NotRun("a package index is asked, for up to gigabytes")
SLURM = NotRun("it asks for SLURM")
MACHINES = NotRun("it asks for several machines; tests/runs/test_cluster.py has two nodes on one")
CONDA = NotRun("it asks for conda")

OTHERWISE: dict[str, As | Elsewhere | NotRun] = {
    "dvc repro": REPRO,
    "dvc repro --allow-missing": Elsewhere(FRESH, '"repro", "--allow-missing"'),
    "dvc repro quickstart/dvc.yaml": Elsewhere("Makefile", "dvc repro quickstart/dvc.yaml"),
    "dvc exp run quickstart/dvc.yaml -S quickstart/params.yaml:train.iterations=30": QUICK,
    "dvc exp run --temp quickstart/dvc.yaml:train@plain-20 -S quickstart/params.yaml:train.iterations=30": Elsewhere(
        "tests/pipeline/test_experiments.py::test_an_experiment_in_a_copy", '*COMMAND, "--temp"'
    ),
    "mkdir mine && cp quickstart/dvc.yaml mine/": Elsewhere(OWN, "own.mkdir()"),
    "dvc repro mine/dvc.yaml": Elsewhere(OWN, '"dvc", "repro", "mine/dvc.yaml"'),
    "dvc remote add --default store s3://bucket/resnet": Elsewhere(REMOTE, '"remote", "add", "--default", "store"'),
    "dvc pull": Elsewhere(REMOTE, '"dvc", "pull"'),
    "dvc push": Elsewhere(REMOTE, '"dvc", "push"'),
    "RESNET_LIVE=tensorboard dvc repro train@resnet-20": Elsewhere(
        "tests/runs/test_live.py::test_it_is_off_unless_an_option_or_a_variable_asks_for_it",
        'RESNET_LIVE="tensorboard"',
    ),
    "tensorboard --logdir runs/train": NotRun(
        "it serves until it is stopped; tests/runs/test_live.py reads what it reads"
    ),
    "git clone https://github.com/OWNER/resnet-depth && cd resnet-depth": ADDRESS,
    "make quickstart": Elsewhere(".ci/run", "make quickstart"),
    "make check": Elsewhere(".ci/run", "make check"),
    "bash .ci/run": NotRun("it runs this test"),
    "COVERAGE=1 bash .ci/run": NotRun("it runs this test"),
    "resnet data": As("python -m resnet data"),
    "python -m resnet": As("python -m resnet data"),
    "resnet train": As("resnet train --net resnet --depth 20 --seeds 0,1 --out DIR"),
    OF_TWO_DEVICES.replace("0,1", "2,3").replace("cuda:0", "cuda:1"): As(OF_TWO_DEVICES),
    "resnet describe": As("resnet describe --depth 20"),
    "resnet evaluate": As("resnet evaluate --depth 20 --weights FILE --data SOURCE"),
    "resnet published": As("resnet published --out FILE"),
    "resnet throughput": As("resnet throughput --depth 110"),
    "resnet adopt": As("resnet adopt dvc.yaml"),
    "resnet plan --address auto": Elsewhere(
        "tests/runs/test_cluster.py::test_a_node_that_is_killed_costs_time_and_no_bit", '"plan"'
    ),
    "resnet plan tenth/dvc.yaml --address auto": As("resnet plan --address auto"),
    "ray start --head --port=6379": MACHINES,
    "ray start --address=first:6379": MACHINES,
    "resnet sweep": As("resnet sweep --nets resnet-20,resnet-56 --set sweep.trials=12"),
    "resnet sweep --study postgresql://me@host/sweeps": Elsewhere(
        "tests/tuning/test_sweep.py::test_two_workers_share_a_study_in_postgresql", '"--study", postgres'
    ),
    "python -m resnet train --net resnet --depth 32 --name resnet-32 "
    "--out runs/train/resnet-32 --weights weights/resnet-32": RECIPE,
    "tar cf results.tar runs weights": RECIPE,
    "tar xf results.tar": RECIPE,
    "python -m resnet adopt": RECIPE,
    "dvc repro -s describe report": RECIPE,
    "git add runs reports dvc.lock": RECIPE,
    'git commit -m "ResNet-32 from another machine"': RECIPE,
    "pytest --benchmark-only": As("pytest --benchmark-only --benchmark-autosave"),
    "pytest -m gpu": NotRun("it asks for a GPU"),
    "python -m tests.faults": Elsewhere(
        "tests/faults/test_short.py::test_a_few_faults_of_each_kind_do_no_harm", '"-m", "tests.faults"'
    ),
    "python -m tests.report.false_alarms": Elsewhere(
        "tests/report/test_false_alarms.py::test_false_alarms_keep_to_the_level", "share(row, n"
    ),
    "pip install -e .": INDEX,
    "pip install 'psycopg[binary]'": INDEX,
    "conda env create -f environment.yml": CONDA,
    "conda activate resnet-depth": CONDA,
}
