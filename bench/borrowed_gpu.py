"""A GPU that is lent for minutes: each call has a time limit, and one archive brings home what it made.

    python3 bench/borrowed_gpu.py cut IMAGES.zip --parts 2 --into DIR       # at home: parts that may travel
    python3 bench/borrowed_gpu.py check --estimate                          # anywhere: what is done, how long it takes
    python3 bench/borrowed_gpu.py check --place P --archive F --minutes 9   # there, first: right, and how fast?
    python3 bench/borrowed_gpu.py train --place P --archive F --minutes 9   # then, as often as it is lent
    python3 bench/borrowed_gpu.py take-in F                                 # at home: checked and put in place

`check` runs the tests that are marked `gpu`, then measures: the rate of each net with its seeds side by side and of
one seed alone, the kernels of a step (with Triton, plain, compiled), throughput, convolutions, the usual loop,
latencies; fp32 last. It prints what each takes by estimate; what an earlier call has done is not done again, unless
--only names it. `train` prepares the data and trains the plan's nets in
order. It begins a net only if, by its measured rate, the time that is left lets it finish, and goes on with one that
it left unfinished.

All that is made lies in P, outside the checkout: `runs`, `weights`, `checkpoints`, `rates`, `profiles`, `logs` and
`steps.json`, which says of each step how it ended. Each step is a process with a time limit; what one meets does not
keep the others from their turn. The archive is written anew after each step, and every minute of a long one, so that
even a killed call leaves what it has: results first, then weights, then checkpoints, as far as --mebibytes go. A call
on a fresh machine takes up the last one's archive with --resume.

Images may come in parts, each with the call that can carry it: `--images DIR`. Packages that are missing there come
as wheels: `--wheels DIR`, most often pydantic, pydantic-core, typing-inspection and annotated-types. Without `.git`,
RESNET_COMMIT names the commit. Nothing is installed, and nothing is written into the checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from call import GRACE, ROOT, Call

if TYPE_CHECKING:
    from resnet.params import Params

MARGIN = 1.1
"""By which a forecast is lengthened."""
FINISHING = 10.0
"""Seconds for the start of the process and the last measurement of a net."""


def cut(file: Path, parts: int, folder: Path) -> None:
    """Compress a file and cut it into parts of equal size, `NAME.1of2` and so on.

    Even an archive of compressed images loses a fifteenth: the names and headers of 60,000 files.
    """
    content = zlib.compress(file.read_bytes())
    size = -(-len(content) // parts)
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(parts):
        (folder / f"{file.name}.{k + 1}of{parts}").write_bytes(content[k * size : (k + 1) * size])


def bring(call: Call, images: Path | None, wheels: Path | None) -> None:
    """Put into the place what came with this call: parts of the images, and packages."""
    kept = call.place / "images"
    if images is not None:
        kept.mkdir(exist_ok=True)
        for file in sorted(path for path in images.iterdir() if path.is_file()):
            if not (kept / file.name).exists():
                shutil.copyfile(file, kept / f"{file.name}.partial")
                os.replace(kept / f"{file.name}.partial", kept / file.name)
    for wheel in sorted(wheels.glob("*.whl")) if wheels is not None else ():
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(call.place / "site")
    sys.path[:0] = [str(ROOT), str(call.place / "site")]


def joined_images(call: Call) -> Path | None:
    """The images' file, joined of its parts if all are here; None if they are not, or none came."""
    kept = call.place / "images"
    parts = {path: re.fullmatch(r"(.+)\.(\d+)of(\d+)", path.name) for path in sorted(kept.glob("*"))}
    whole = [path for path, match in parts.items() if not match and path.suffix != ".partial"]
    if whole:
        return whole[0]
    numbered = {int(match[2]): path for path, match in parts.items() if match}
    match = next((match for match in parts.values() if match), None)
    missing = [k for k in range(1, int(match[3]) + 1) if k not in numbered] if match else []
    if match is None or missing:
        call.note("data", f"images: part {', '.join(map(str, missing))} is missing" if missing else "no images")
        return None
    partial = kept / "joined.partial"
    partial.write_bytes(zlib.decompress(b"".join(numbered[k].read_bytes() for k in sorted(numbered))))
    os.replace(partial, kept / match[1])
    return kept / match[1]


def prepared(call: Call, arguments: argparse.Namespace) -> bool:
    """Whether the data are there, prepared now if need be."""
    if (call.place / "data" / "data.json").exists():
        return True
    source = []
    if not any(assignment.startswith("data.source=") for assignment in arguments.set):
        images = joined_images(call)
        if images is None:
            return False
        source = [f"--set=data.source={images}"]
    return call.run("data", ["-m", "resnet", "data", *options(arguments), *source])


def options(arguments: argparse.Namespace) -> list[object]:
    """The plan and what holds instead, for every step."""
    return ["--params", arguments.params.resolve(), *(f"--set={assignment}" for assignment in arguments.set)]


START = 12.0
"""Estimated seconds until a process computes: Python, PyTorch, the device's context, kernels by Triton."""
COMPILING = 60.0
"""Estimated seconds until torch.compile has made the blocks' kernels for the first time."""


class Check(NamedTuple):
    """A step of `check`."""

    name: str
    """Its first word chooses it: `--only`."""
    estimate: float
    """Seconds that it takes; no GPU has been met yet."""
    limit: float
    """Seconds after which it is stopped."""
    command: list[object]
    environment: Mapping[str, str] = MappingProxyType({})


def checks(place: Path, plan: Params, arguments: argparse.Namespace) -> list[Check]:
    """What says whether this machine computes rightly and how fast: what is needed most comes first, fp32 last."""
    given, step = options(arguments), "bench/gpu_step.py"
    rates, profiles, runs = place / "rates", place / "profiles", place / "runs"
    nets = arguments.nets or [name for name in plan.models if re.fullmatch(r"resnet-\d{2,3}", name)]
    ends = list(dict.fromkeys([nets[0], nets[-1]]))
    suites = ("nets", "training", "measuring", "test_system.py")  # other tests import what only a developer has
    tests = [ROOT / "tests" / suite for suite in suites if (ROOT / "tests" / suite).exists()]
    compiled, fp32 = "--set=train.compile=true", "--set=train.precision=fp32"
    latencies = len(plan.latency.batch_sizes) * (12 + len(plan.latency.nets) * len(plan.latency.depths))
    steps = [
        Check("tests", 90, 150, ["-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", *tests]),
        Check("rate", START + 8 * len(nets), 120, [step, "rate", *nets, *given, "--out", rates]),
        Check("profile kernels", START + 6 * len(ends), 60, [step, "profile", *ends, *given, "--out", profiles]),
    ]
    in_turn = ["--all", "--nets", ",".join(nets)]
    steps += [
        Check(
            "throughput",
            START + 16 * len(nets),
            180,
            ["-m", "resnet", "throughput", *in_turn, *given, "--out", runs / "throughput"],
        ),
        Check(
            "alone",  # one seed, to tell what its neighbours cost
            START + 8 * len(ends),
            60,
            [step, "rate", *ends, "--seeds", 1, *given, "--out", rates / "alone"],
        ),
        Check(
            "profile plain",
            START + 6 * len(ends),
            60,
            [step, "profile", *ends, *given, "--out", profiles / "plain"],
            {"RESNET_FUSED": "0"},
        ),
        Check("convolutions", START + 30, 90, [step, "convolutions", "--seconds", 0.1, *given, "--out", profiles]),
        Check(
            "usual",
            START + 25,
            90,
            [
                "bench/usual_loop.py",
                *entry(plan, nets[0])[:4],
                "--device",
                plan.train.device,
                "--out",
                runs / "usual-loop",
            ],
        ),
        Check(
            "latency",
            START + 2 * 0.8 * latencies,
            150,
            ["-m", "resnet", "latency", "--set=latency.seconds=0.1", *given, "--out", runs / "latency"],
        ),
        Check(
            "profile compiled",
            START + COMPILING + 6 * len(ends),
            150,
            [step, "profile", *ends, *given, compiled, "--out", profiles / "compiled"],
        ),
        Check(
            "compiled",
            START + 15 + 8 * len(ends),  # the compiler's results are kept in the place
            120,
            [step, "rate", *ends, *given, compiled, "--out", rates / "compiled"],
        ),
        Check("fp32", START + 8, 60, [step, "rate", nets[0], *given, fp32, "--out", rates / "fp32"]),
    ]
    only = arguments.only
    return [check for check in steps if only is None or check.name in only or check.name.split()[0] in only]


def tell(steps: Sequence[Check], seconds: float) -> None:
    """Print what is to be done, what it takes by estimate, and what there is."""
    for check in steps:
        print(f"{check.estimate:5.0f} s  {check.name}")
    print(
        f"{sum(check.estimate for check in steps):5.0f} s  by estimate, of {seconds:.0f} s: a later call goes on",
        flush=True,
    )


def check(call: Call, plan: Params, arguments: argparse.Namespace) -> None:
    """Do the steps that no earlier call has done; each writes its files as it goes."""
    steps = checks(call.place, plan, arguments)
    left = [check for check in steps if arguments.only or check.name not in call.done_before()]
    tell(left, call.left())
    for check in left:
        call.run(check.name, check.command, check.limit, **check.environment)


def entry(plan: Params, name: str) -> list[object]:
    settings = plan.settings(name)
    return ["--net", settings.net, "--depth", settings.depth, "--name", name]


def progress(call: Call, plan: Params, name: str) -> list[int]:
    """The iterations that each seed of a net has behind it."""
    done = []
    for seed in plan.settings(name).train.seed_list:
        seed_folder = f"{name}/seed-{seed}"
        metrics = call.place / "runs/train" / seed_folder / "metrics.json"
        goes_on = (call.place / "checkpoints" / seed_folder / "checkpoint.safetensors").exists()
        record = json.loads(metrics.read_text()) if metrics.exists() else None
        if record is None or (record["status"] == "interrupted" and not goes_on):
            done.append(0)
        else:
            done.append(int(record["iteration" if record["status"] == "interrupted" else "iterations"]))
    return done


def forecast(call: Call, plan: Params, name: str, given: Sequence[object]) -> float | None:
    """Seconds that the net still takes, by its rate, which is measured if it is not known."""
    settings = plan.settings(name)
    path = call.place / "rates" / f"{name}.json"
    seeds = settings.train.seed_list
    rate = json.loads(path.read_text()) if path.exists() else {}
    same = settings.train.precision in ("auto", rate.get("precision")) and settings.train.compile == rate.get(
        "compiled"
    )
    if not same:
        measure = ["bench/gpu_step.py", "rate", name, *given, "--out", path.parent]
        if not call.run(f"rate {name}", measure, 60):
            return None
        rate = json.loads(path.read_text())
    record = json.loads((call.place / "data/data.json").read_text())
    images = record["validation_images"] + record["test_images"]
    left = max(settings.train.iterations - iteration for iteration in progress(call, plan, name))
    evaluations = (left // settings.train.evaluate_every + 1) * images * rate["evaluation_seconds_per_image"]
    turns = -(-len(seeds) // rate["side_by_side"])
    # `resnet train` makes a forecast of its own before it begins.
    each = 2 * rate["seconds_until_ready"] + left * rate["iteration_seconds"] + rate["side_by_side"] * evaluations
    return float(MARGIN * turns * each + FINISHING)


def train(call: Call, plan: Params, arguments: argparse.Namespace) -> None:
    """Train the nets, in order, that the time left lets finish."""
    place, given = call.place, options(arguments)
    if not prepared(call, arguments):
        return
    for name in arguments.nets or plan.models:
        out, weights = place / "runs/train" / name, place / "weights" / name
        if min(progress(call, plan, name)) < plan.settings(name).train.iterations:
            seconds = forecast(call, plan, name, given)
            if seconds is None or seconds > call.left() - GRACE:
                if seconds is not None:
                    call.note(f"train {name}", f"not begun: {seconds:.0f} s")
                continue
            print(f"{seconds:5.0f} s  by forecast, of {call.left():.0f} s: train {name}", flush=True)
            folders = ["--out", out, "--weights", weights, "--checkpoints", place / "checkpoints" / name]
            if not call.run(f"train {name}", ["-m", "resnet", "train", *entry(plan, name), *folders, *given]):
                continue
        responses = place / "runs/responses" / f"{name}.json"
        if not responses.exists() and weights.exists():
            folders = ["--weights", weights, "--out", responses]
            call.run(f"responses {name}", ["-m", "resnet", "responses", *entry(plan, name), *folders, *given])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("check", "train"):
        command = commands.add_parser(name)
        command.add_argument("--place", type=Path, help="folder outside the checkout for all that is made")
        command.add_argument("--archive", type=Path, help="the one file to bring home")
        command.add_argument("--mebibytes", type=float, default=16.0, help="that the archive may have")
        command.add_argument("--every", type=float, default=60.0, help="seconds between archives during a step")
        command.add_argument("--minutes", type=float, default=9.0, help="that the call may take")
        command.add_argument("--patience", type=float, default=1.0, help="multiplies the time limits of steps")
        command.add_argument("--resume", type=Path, help="archive of an earlier call")
        command.add_argument("--images", type=Path, help="folder with the images' file, or with parts of it")
        command.add_argument("--wheels", type=Path, help="folder with packages that are missing here")
        command.add_argument("--params", type=Path, default=ROOT / "params.yaml", help="the plan")
        command.add_argument(
            "--nets", nargs="*", help="entries of the plan's models [all; check: resnet-20 to resnet-110]"
        )
        command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for every step")
        if name == "check":
            command.add_argument("--only", nargs="+", help="such as tests, rate, 'profile plain', throughput, latency")
            command.add_argument("--estimate", action="store_true", help="say what would be done and how long it takes")
    command = commands.add_parser("cut")
    command.add_argument("file", type=Path)
    command.add_argument("--parts", type=int, default=2)
    command.add_argument("--into", type=Path, required=True)
    command = commands.add_parser("take-in")
    command.add_argument("archive", type=Path)
    command.add_argument(
        "--root", type=Path, default=ROOT, help="folder of params.yaml, runs and weights [the checkout]"
    )
    command.add_argument("--suffix", default="", help="put the nets into entries of another name: -bf16")
    arguments = parser.parse_args()
    if arguments.command == "cut":
        cut(arguments.file, arguments.parts, arguments.into)
        return
    if arguments.command == "take-in":
        sys.path[:0] = [str(ROOT), str(ROOT / "bench")]
        from take_in import take_in

        sys.exit(take_in(arguments.archive, arguments.root, arguments.root / "params.yaml", arguments.suffix))
    if arguments.command == "check" and arguments.estimate:
        sys.path.insert(0, str(ROOT))
        from resnet.errors import UserError
        from resnet.params import load

        try:
            plan = load(arguments.params, arguments.set)
        except UserError as error:
            parser.error(str(error))
        tell(checks(Path("P"), plan, arguments), 60 * arguments.minutes)
        return
    if arguments.place is None or arguments.archive is None:
        parser.error("--place and --archive are needed")
    size, seconds = int(arguments.mebibytes * 2**20), 60 * arguments.minutes
    call = Call(arguments.place, arguments.archive, size, seconds, arguments.every, arguments.patience)
    try:
        if arguments.resume is not None:
            call.resume(arguments.resume)
        bring(call, arguments.images, arguments.wheels)
        from resnet.params import load

        arguments.set += [f"data.dir={call.place / 'data'}"]
        plan = load(arguments.params, arguments.set)
        (check if arguments.command == "check" else train)(call, plan, arguments)
    except Exception as error:
        call.note(arguments.command, f"{type(error).__name__}: {error}")
    call.pack()
    sys.exit(not all(step["ended"].startswith(("done", "not begun")) for step in call.steps))


if __name__ == "__main__":
    main()
