"""Results do not depend on the processor: whatever it has beyond AVX2, whatever the user's environment chooses."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from edgecodec import same_bits
from edgecodec.params import Params

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = sorted((REPOSITORY / "stages").glob("*.py"))
# What older processors, and other users, would have the libraries choose.
HIDDEN = {
    "ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "AVX", "ONEDNN_MAX_CPU_ISA": "SSE41", "OPENBLAS_CORETYPE": "NEHALEM",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
}
SUMS = """
import hashlib, numpy, torch
left, right = (numpy.random.default_rng(seed).standard_normal((400, 400)) for seed in (1, 2))
digest = hashlib.sha256((left @ right).tobytes())
digest.update((torch.from_numpy(left) @ torch.from_numpy(right)).numpy().tobytes())
digest.update(torch.from_numpy(left).float().sum().numpy().tobytes())
print(digest.hexdigest())
"""
needs_avx2 = pytest.mark.skipif(not same_bits.HOLDS_HERE, reason="this processor has no AVX2: its bits may differ")


def run(script: str | Path, environment: dict[str, str], *launcher: str,
        folder: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Run Python code, or a file of it, with ``environment`` in place of the settings that this process has."""
    bare = {name: value for name, value in os.environ.items() if name not in same_bits.SETTINGS}
    command = [str(script)] if isinstance(script, Path) else ["-c", script]
    environment = {**bare, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(REPOSITORY / "src"), **environment}
    return subprocess.run([*launcher, sys.executable, *command], cwd=folder, env=environment, capture_output=True,
                          text=True, check=False)


def trained(folder: Path, params: Params, windows: Path, environment: dict[str, str], *launcher: str) -> str:
    """Hash of the model that the stage ``train`` makes in ``folder``."""
    (folder / "artifacts").mkdir(parents=True)
    (folder / "artifacts" / "windows").symlink_to(windows)
    (folder / "params.yaml").write_text(yaml.safe_dump(params.model_dump(mode="json", by_alias=True)))
    done = run(REPOSITORY / "stages" / "train.py", environment, *launcher, folder=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return hashlib.sha256((folder / "artifacts" / "model" / "model.safetensors").read_bytes()).hexdigest()


@needs_avx2
@pytest.mark.slow
def test_the_environment_would_change_sums_that_are_not_pinned() -> None:
    assert run(SUMS, {}).stdout != run(SUMS, HIDDEN).stdout


@needs_avx2
def test_pinned_sums_are_the_same_in_every_environment() -> None:
    pinned = f"import edgecodec.same_bits\n{SUMS}"
    assert run(pinned, {}).stdout == run(pinned, HIDDEN).stdout != ""


@needs_avx2
@pytest.mark.slow
def test_training_gives_the_same_bits_with_and_without_what_a_processor_can_do(
        small_params: Params, small_windows: Path, tmp_path: Path) -> None:
    shown = trained(tmp_path / "shown", small_params, small_windows, {})
    hidden = trained(tmp_path / "hidden", small_params, small_windows, HIDDEN)
    assert shown == hidden


@needs_avx2
@pytest.mark.slow
def test_training_gives_the_same_bits_on_processors_of_two_vendors(
        small_params: Params, small_windows: Path, tmp_path: Path) -> None:
    """QEMU's processors take approximate reciprocals as no real one does: what depends on them is seen."""
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        pytest.skip("qemu-x86_64 not found: install QEMU's user mode (Debian: qemu-user)")
    here = trained(tmp_path / "here", small_params, small_windows, {})
    there = trained(tmp_path / "there", small_params, small_windows, {}, emulator, "-cpu", "Haswell")
    assert here == there


def test_square_roots_are_rounded_correctly() -> None:
    same_bits.settle_torch()
    values = torch.rand(10_007)
    exact = np.sqrt(values.numpy().astype(np.float64)).astype(np.float32)
    assert np.array_equal(values.sqrt().numpy(), exact)
    variable = values.clone().requires_grad_()
    variable.sqrt().sum().backward()
    assert variable.grad is not None
    torch.testing.assert_close(variable.grad, 0.5 / torch.from_numpy(exact))


@pytest.mark.parametrize("script", [*SCRIPTS, REPOSITORY / "src/edgecodec/cli.py"], ids=lambda path: path.stem)
def test_nothing_is_imported_before_the_settings(script: Path) -> None:
    """A stage cannot run without them either: :func:`run_program` is what runs it."""
    imports = [node for node in ast.parse(script.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)
               and getattr(node, "module", None) != "__future__"]
    assert isinstance(imports[0], ast.ImportFrom)
    assert imports[0].module == "edgecodec.same_bits"
    if script in SCRIPTS:
        assert ast.unparse(ast.parse(script.read_text()).body[-1].body[-1]) == "run_program(main)"  # type: ignore[attr-defined]


def test_settings_that_come_too_late_are_refused() -> None:
    late = run("import numpy, edgecodec.same_bits", {})
    assert late.returncode != 0
    assert late.stderr.splitlines()[-1].startswith("ImportError: edgecodec.same_bits must be imported before numpy")
