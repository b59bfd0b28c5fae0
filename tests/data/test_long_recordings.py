"""One recording of any length: it stays on disk, a channel at a time is in memory, and no bit depends on that."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgecodec.data import arrays, inspection, mapped, windows
from edgecodec.data.arrays import acquire_array
from edgecodec.data.inspection import inspect
from edgecodec.data.recordings import read_samples
from edgecodec.data.validation import validate
from edgecodec.data.windows import WindowSet, lowpass, write_windows
from edgecodec.params import ArrayParams, Params

RATE = 100.0
FRACTION = 0.25  # validates
ROW_GROUP = 30_000


def array_params(params: Params, channels: int) -> ArrayParams:
    return params.data.array.model_copy(update={
        "sample_rate_hz": RATE, "channels": channels, "validation_fraction": FRACTION, "gap_seconds": 0.0})


def values_of(rows: int, channels: int) -> NDArray[np.float32]:
    return np.random.default_rng(rows).normal(size=(channels, rows)).astype(np.float32)


def write_parquet(path: Path, values: NDArray[np.float32]) -> None:
    names = ["time", *(f"C{number}" for number in range(len(values)))]
    table = pyarrow.table([np.arange(values.shape[1]) / RATE, *values], names=names)
    pyarrow.parquet.write_table(table, path.with_suffix(".parquet"), row_group_size=ROW_GROUP)


def write_hdf5(path: Path, values: NDArray[np.float32]) -> None:
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        file["time"] = np.arange(values.shape[1]) / RATE
        file["values"] = values.T


def write_npy(path: Path, values: NDArray[np.float32]) -> None:
    np.save(path, np.vstack([np.arange(values.shape[1]) / RATE, values]).T)


@pytest.mark.parametrize("write", [write_parquet, write_hdf5, write_npy])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(600, 3000), channels=st.integers(1, 5), piece=st.integers(1, 4000))
def test_windows_are_those_of_the_whole_recording(
        small_params: Params, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch,
        write: Callable[[Path, NDArray[np.float32]], None], rows: int, channels: int, piece: int) -> None:
    monkeypatch.setattr(mapped, "IN_MEMORY", 0)
    for module in (arrays, windows):
        monkeypatch.setattr(module, "ROWS", piece)
    folder = tmp_path_factory.mktemp("long")
    (folder / "source").mkdir()
    (folder / "raw").mkdir()
    values = values_of(rows, channels)
    write(folder / "source" / "one", values)

    listed = acquire_array(folder / "source", array_params(small_params, channels), folder / "raw")
    np.testing.assert_array_equal(read_samples(folder / "raw" / "one.parquet", listed.channels).values, values)
    params = small_params.window.model_copy(update={"samples": 100, "skip_first_rows": 7, "skip_last_rows": 3})
    write_windows({folder / "raw": listed}, frozenset(), params, folder / "windows")

    whole = values[:, 7:-3].astype(np.float64)
    boundary = round(whole.shape[1] * (1 - FRACTION))
    for split, part in (("train", whole[:, :boundary]), ("validation", whole[:, boundary:])):
        made = WindowSet.open(folder / "windows" / split)
        np.testing.assert_array_equal(made.input_rows, part.T.astype(np.float32))
        np.testing.assert_array_equal(made.target_rows, lowpass(part, RATE, made.lowpass_hz).T.astype(np.float32))


@pytest.fixture
def peak_of() -> Iterator[Callable[[Callable[[], object]], int]]:
    """Most bytes of NumPy and Arrow that a step holds."""
    usual = pyarrow.default_memory_pool()

    def peak(step: Callable[[], object]) -> int:
        pool = pyarrow.proxy_memory_pool(usual)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(pool))  # for ever: it must outlive what it gave, whoever has that
        pyarrow.set_memory_pool(pool)
        tracemalloc.start()
        step()
        traced = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return int(traced + pool.max_memory())

    yield peak
    tracemalloc.stop()
    pyarrow.set_memory_pool(usual)


@pytest.mark.parametrize("step", ["inspect", "acquire", "validate", "window"])
def test_memory_is_that_of_a_channel(step: str, peak_of: Callable[[Callable[[], object]], int], small_params: Params,
                                     tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "IN_MEMORY", 0)
    monkeypatch.setattr(inspection, "SPECTRUM_ROWS", 1 << 10)  # which it keeps of all channels

    def peak_with(channels: int) -> int:
        source, raw = tmp_path / f"{channels} channels", tmp_path / f"raw {channels}"
        source.mkdir()
        raw.mkdir()
        write_parquet(source / "one", values_of(100_000, channels))
        params = array_params(small_params, channels)
        if step == "inspect":
            return peak_of(lambda: inspect(source, params, small_params.validate_))
        if step == "acquire":
            return peak_of(lambda: acquire_array(source, params, raw))
        listed = acquire_array(source, params, raw)
        if step == "validate":
            return peak_of(lambda: validate(raw, listed, small_params.validate_, small_params.window))
        return peak_of(lambda: write_windows({raw: listed}, frozenset(), small_params.window, tmp_path / str(channels)))

    assert peak_with(16) < 1.5 * peak_with(2)


def test_what_finds_no_room_on_the_disk_is_in_memory() -> None:
    """In a process whose files may have a thousand bytes."""
    code = """if True:
        import resource, signal
        import numpy as np
        from edgecodec.data import mapped
        mapped.IN_MEMORY = 0
        assert mapped.empty((10,), np.float32).base is not None
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        found = mapped.empty((3, 1000), np.float32)
        assert found.base is None
        assert found.shape == (3, 1000)
    """
    subprocess.run([sys.executable, "-c", code], check=True)
