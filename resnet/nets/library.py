"""The compiled CPU kernels of ``csrc``: built once for this processor, kept in the user's cache, checked, loaded.

A library's name ends with the digest of its bytes. So a file that a full disk or a crash has cut off is seen
before it is loaded, where it would kill the process, and is built again. What $CXXFLAGS holds comes last:
``-march=x86-64-v3`` leaves AVX-512 out.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

from resnet.files import complete_or_absent

_log = logging.getLogger(__name__)
_SOURCES = Path(__file__).with_name("csrc")
_FLAGS = ("-std=c++20", "-O3", "-march=native", "-fopenmp", "-fPIC", "-shared")


def _cpu_flags() -> str:
    """The processor's instruction sets: a library built for one processor may not run on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    flags = (line for line in lines if line.lower().startswith(("flags", "features")))
    return next(flags, platform.processor())


def _compiler() -> list[str]:
    """The compiler's command, from $CXX with its arguments (``ccache g++``) or from the path."""
    command = shlex.split(os.environ.get("CXX", ""))
    if not command:
        command = [name for name in ("c++", "g++", "clang++") if shutil.which(name)][:1]
    if not command:
        raise FileNotFoundError("no C++ compiler found (c++, g++, clang++ or $CXX)")
    return command


def _cache() -> Path:
    """A folder of this user's alone: in the user's cache, or in the temporary folder where there is no home."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "resnet-depth"
        cache.mkdir(parents=True, exist_ok=True)
        if os.access(cache, os.W_OK):
            return cache
    except (OSError, RuntimeError):
        pass
    cache = Path(tempfile.gettempdir()) / f"resnet-depth-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    # Another user could have made the folder, with a library of theirs in it.
    if cache.is_symlink() or cache.stat().st_uid != os.getuid():
        raise PermissionError(f"{cache} belongs to another user; set XDG_CACHE_HOME to a folder of yours")
    return cache


def _digest(library: Path) -> str:
    return hashlib.sha256(library.read_bytes()).hexdigest()[:16]


def _build() -> Path:
    """Compile the kernels, or take what an earlier process compiled.

    Returns the shared library's path. Raises OSError or subprocess.SubprocessError where it cannot be built.
    """
    compiler, flags = _compiler(), [*_FLAGS, f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"]
    flags += shlex.split(os.environ.get("CXXFLAGS", ""))
    sources = sorted(path for path in _SOURCES.iterdir() if path.suffix in (".cpp", ".h"))
    parts = [part for path in sources for part in (path.name, path.read_text())]
    parts += [torch.__version__, platform.machine(), _cpu_flags(), *flags, *compiler]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    cache = _cache()
    for library in cache.glob(f"kernels-{key}-*.so"):
        if library.stem.endswith(f"-{_digest(library)}"):
            return library
        _log.warning("%s is damaged: building it again", library)
        library.unlink(missing_ok=True)
    _log.warning("compiling the CPU kernels for this processor, once")
    include, lib = Path(torch.__file__).parent / "include", Path(torch.__file__).parent / "lib"
    # Built aside: a killed build leaves no lock and no half library, two at once do not meet.
    with tempfile.TemporaryDirectory(dir=cache) as work:
        made = Path(work) / "kernels.so"
        command = [*compiler, *flags, f"-I{include}", f"-I{include / 'torch/csrc/api/include'}"]
        command += [str(path) for path in sources if path.suffix == ".cpp"]
        command += ["-o", str(made), f"-L{lib}", f"-Wl,-rpath,{lib}", "-ltorch_cpu", "-lc10"]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
        library = cache / f"kernels-{key}-{_digest(made)}.so"
        with complete_or_absent(library) as partial:
            shutil.copyfile(made, partial)
    return library


@functools.cache
def available() -> bool:
    """Whether the compiled operations are there; compiles and loads them on the first call."""
    if os.environ.get("RESNET_FUSED", "1") == "0":
        return False
    try:
        torch.ops.load_library(str(_build()))  # type: ignore[no-untyped-call]
    except subprocess.CalledProcessError as error:
        reason = [*(error.stderr or "").strip().splitlines(), str(error)][0]
        _log.warning("fused CPU operations not built, using plain PyTorch: %s", reason)
        return False
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        _log.warning("fused CPU operations not built, using plain PyTorch: %s", error)
        return False
    return True
