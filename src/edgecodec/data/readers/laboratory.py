"""What laboratories write: HDF5, MATLAB, sound, TDMS, EDF. Each library is loaded when such a file comes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.data import mapped
from edgecodec.data.readers.variables import RATES, table_of_variables
from edgecodec.data.table import Column, Table, of_array
from edgecodec.errors import EdgeCodecError, naming

EXTRA = "edgecodec[formats]"


def read_hdf5(path: Path, variable: str | None = None) -> Table:
    """HDF5, and MATLAB's files from version 7.3 on, which are HDF5."""
    with _needing(path, "h5py"):
        import h5py
    arrays: dict[str, NDArray[Any]] = {}
    rates: list[float] = []
    with _readable(path, "HDF5 file"), h5py.File(path, "r") as file:
        def visit(name: str, item: Any) -> None:
            rates.extend(float(np.asarray(value).ravel()[0]) for key, value in item.attrs.items()
                         if key.lower() in RATES)
            if isinstance(item, h5py.Dataset) and not name.startswith("#") and item.dtype.kind in "fiubSO":
                arrays[name] = _numbers(item) if item.dtype.kind in "fiub" else np.asarray(item.asstr()[()]) if \
                    item.dtype.kind == "S" or h5py.check_string_dtype(item.dtype) else np.empty(0, object)

        visit("", file)
        file.visititems(visit)
        arrays = {name: array.astype(np.str_) if array.dtype.kind == "O" else array for name, array in arrays.items()}
    return table_of_variables(path, _short(arrays), variable, sample_rate_hz=rates[0] if rates else None)


def _numbers(item: Any) -> NDArray[Any]:
    if item.ndim != 2 or not item.size:
        return np.asarray(item[()])
    values = mapped.empty(item.shape, item.dtype)
    item.read_direct(values)
    return values


def _short(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays by the last part of their names, where that is enough."""
    last = [name.rsplit("/", 1)[-1] for name in arrays]
    return {short if last.count(short) == 1 else name: array
            for (name, array), short in zip(arrays.items(), last, strict=True)}


def read_mat(path: Path, variable: str | None = None) -> Table:
    """MATLAB's files before version 7.3."""
    from scipy.io import loadmat

    with _readable(path, "MATLAB file"):
        content = loadmat(path, squeeze_me=False)
    arrays = {name: np.asarray(array) for name, array in content.items() if not name.startswith("__")}
    return table_of_variables(path, arrays, variable)


def read_sound(path: Path, variable: str | None = None) -> Table:
    """WAV, FLAC and others: samples as they are stored, in integers where they are integers."""
    with _needing(path, "soundfile"):
        import soundfile
    with _readable(path, "sound file"):
        info = soundfile.info(str(path))
        integers = info.subtype in ("PCM_16", "PCM_U8", "PCM_S8")
        values, rate = soundfile.read(str(path), dtype="int16" if integers else "float64", always_2d=True)
    return of_array(values, None, float(rate))


def read_tdms(path: Path, variable: str | None = None) -> Table:
    """A group of a TDMS file: the one that ``variable`` names, or the only one."""
    with _needing(path, "nptdms"):
        import nptdms
    with _readable(path, "TDMS file"):
        groups = {group.name: group.channels() for group in nptdms.TdmsFile.read(path).groups() if group.channels()}
    if (variable is not None and variable not in groups) or (variable is None and len(groups) != 1):
        raise EdgeCodecError(f"{path}: has the groups {', '.join(groups) or 'none'}; name one in data.array.variable")
    channels = groups[variable] if variable is not None else next(iter(groups.values()))
    lengths = {len(channel) for channel in channels}
    if len(lengths) != 1:
        raise EdgeCodecError(f"{path}: its channels have different lengths; export those of one rate")
    increments = {float(channel.properties["wf_increment"]) for channel in channels
                  if channel.properties.get("wf_increment")}
    columns = tuple(_tdms_column(channel[:]) for channel in channels)
    return Table(tuple(channel.name for channel in channels), columns, lengths.pop(),
                 units=tuple(str(channel.properties.get("unit_string", "")) for channel in channels),
                 sample_rate_hz=1 / increments.pop() if len(increments) == 1 else None)


def _tdms_column(values: NDArray[Any]) -> Column:
    if values.dtype.kind == "M":
        nanoseconds = values.astype("datetime64[ns]").astype(np.int64)
        return Column(np.asarray((nanoseconds - nanoseconds[:1]) * 1e-9, np.float64), is_clock=True)
    return Column(np.asarray(values, dtype=np.float64), integers=values.dtype.kind in "iu")


def read_edf(path: Path, variable: str | None = None) -> Table:
    """EDF and BDF: the signals of the rate that most have."""
    with _needing(path, "edfio"):
        import edfio
    with _readable(path, "EDF or BDF file"):
        file = edfio.read_bdf(path) if path.suffix.lower() == ".bdf" else edfio.read_edf(path)
        signals = [signal for signal in file.signals if variable is None or signal.label == variable]
        rates = {float(signal.sampling_frequency) for signal in signals}
    if len(rates) != 1:
        raise EdgeCodecError(f"{path}: its signals have the rates {', '.join(f'{rate:g}' for rate in sorted(rates))} "
                             "Hz; export those of one rate")
    return of_array(np.column_stack([signal.data for signal in signals]),
                    tuple(signal.label for signal in signals), rates.pop(),
                    tuple(signal.physical_dimension for signal in signals))


@contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    """Whatever a library raises becomes one line: h5py and scipy raise OSError about the content, too."""
    with naming(path, f"not a readable {kind}", "write it again"):
        try:
            yield
        except OSError as error:
            raise ValueError(str(error)) from error


@contextmanager
def _needing(path: Path, library: str) -> Iterator[None]:
    """Around the import of a library that is not always installed."""
    try:
        yield
    except (ImportError, OSError) as error:
        raise EdgeCodecError(f"{path}: reading it takes {library} ({error}); pip install '{EXTRA}'") from None
