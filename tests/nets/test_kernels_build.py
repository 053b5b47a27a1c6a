"""The compiled library: what the cache holds is checked, and built again if it is damaged."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resnet.nets import kernels
from tests.nets.makers import images

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="no compiler for the fused CPU operations"
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cache of a user for whom nothing has been compiled, and a source that compiles at once."""
    sources = tmp_path / "csrc"
    sources.mkdir()
    (sources / "small.cpp").write_text('#include "small.h"\nint answer() { return kAnswer; }\n')
    (sources / "small.h").write_text("constexpr int kAnswer = 42;\n")
    monkeypatch.setattr(kernels, "_SOURCES", sources)
    monkeypatch.setattr(kernels, "_measured_speed", lambda: 1.5)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)
    kernels.available.cache_clear()
    yield tmp_path / "cache" / "resnet-depth"
    kernels.available.cache_clear()


def only(cache: Path) -> Path:
    (file,) = cache.glob("*.so")
    return file


@needs_compiler
@pytest.mark.parametrize("damage", ["cut", "a bit"])
def test_a_damaged_library_is_built_again(cache: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    whole = kernels._build()
    content = whole.read_bytes()
    whole.unlink()  # a new file, as the loaded one is still mapped
    half = len(content) // 2
    whole.write_bytes(content[:half] if damage == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    with caplog.at_level(logging.WARNING):
        assert kernels.available()
    assert only(cache).read_bytes() == content
    assert sum("damaged" in record.message for record in caplog.records) == 1


@needs_compiler
def test_sources_and_flags_decide_which_library_is_taken(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernels.available()
    first, dates = kernels._build(), [only(cache).stat().st_mtime_ns]
    kernels.available.cache_clear()
    assert kernels.available()
    assert [only(cache).stat().st_mtime_ns] == dates  # a whole library is not built again
    (kernels._SOURCES / "small.h").write_text("constexpr int kAnswer = 43;\n")
    libraries = [first, kernels._build()]
    for name in ("CXXFLAGS", "RESNET_CXXFLAGS"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "-O0 '-DNOTE=two words'")
            libraries.append(kernels._build())
            patch.setenv(name, "-no-such-flag")
            with pytest.raises(subprocess.CalledProcessError):
                kernels._build()
    assert len({*libraries}) == 4


@needs_compiler
@pytest.mark.parametrize("compiler", ["env LC_ALL=C c++ -O1", "no-such-compiler"])
def test_the_compiler_may_have_arguments_and_is_replaced_if_absent(
    cache: Path, monkeypatch: pytest.MonkeyPatch, compiler: str
) -> None:
    monkeypatch.setenv("CXX", compiler)
    assert kernels.available()


def test_without_a_compiler_a_line_is_logged_and_plain_operations_work(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        x = images(2, 16, 4, 4, dtype=torch.float32)
        y = kernels.batch_norm_relu(x, nn.BatchNorm2d(16))
    assert torch.equal(y, F.relu(nn.BatchNorm2d(16)(x)))
    assert [r.message for r in caplog.records if "using plain PyTorch" in r.message]


def test_turned_off_by_the_environment(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_FUSED", "0")
    assert not kernels.available()


@needs_compiler
def test_our_flags_come_after_the_environments(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (kernels._SOURCES / "small.h").write_text("#ifndef __OPTIMIZE__\n#error slow\n#endif\nconstexpr int kAnswer = 1;\n")
    monkeypatch.setenv("CXXFLAGS", "-O0")
    assert kernels.available()


@needs_compiler
def test_slow_kernels_are_not_used_and_every_process_says_so(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    speeds = iter([0.1])  # it is measured once
    monkeypatch.setattr(kernels, "_measured_speed", lambda: next(speeds))
    for _ in range(2):
        kernels.available.cache_clear()
        assert not kernels.available()
    assert sum("0.10 times as fast" in record.message for record in caplog.records) == 2


@needs_compiler
def test_the_real_kernels_are_measured_against_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels.available()
    assert 0.1 < kernels._measured_speed() < 100


@needs_compiler
def test_without_a_home_the_library_is_kept_in_the_temporary_folder(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_folder = tmp_path / "file"
    no_folder.write_text("")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(no_folder))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert kernels.available()
    (private,) = temporary.iterdir()
    assert private.stat().st_mode & 0o777 == 0o700
    assert only(private).suffix == ".so"


def test_a_temporary_folder_of_someone_else_is_not_trusted(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"resnet-depth-{os.getuid()}").symlink_to(elsewhere)
    with caplog.at_level(logging.WARNING):
        assert not kernels.available()
    assert [record for record in caplog.records if "belongs to another user" in record.message]
