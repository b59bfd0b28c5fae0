"""The node's entropy coder gives the bytes of :class:`EntropyTables`, whatever it is given, and writes nowhere else."""

import ctypes
import subprocess
from ctypes import POINTER, Structure, c_size_t, c_uint32
from pathlib import Path

import numpy as np
import pytest
from firmware import test_bits
from firmware.library import NAMES
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from packets.entropy_tables import likely_windows, payload_by_definition, random_tables

from edgecodec.packets.entropy import SYMBOLS_MAX, EntropyTables, cumulative_frequencies
from edgecodec.simulators.toolchain import Toolchain

sanitizing = test_bits.sanitizing
GUARD = 0xEE


class Frequencies(Structure):
    _fields_ = (("cumulative", c_uint32), ("words", c_uint32))


class Entropy(Structure):
    _fields_ = (("stages", c_uint32), ("regimes", Frequencies), ("words", POINTER(Frequencies)))


class NodeCoder:
    """The C functions with some tables."""

    def __init__(self, functions: ctypes.CDLL, tables: EntropyTables) -> None:
        self.functions = functions
        places, self.codebooks = laid_out(tables)
        regimes, *words = [Frequencies(*place) for place in places]
        self.words = (Frequencies * len(words))(*words)
        self.entropy = Entropy(tables.stages, regimes, self.words)

    def encode(self, regime: int, indices: NDArray[np.uint16], stages: int, capacity: int) -> tuple[str, bytes]:
        payload = np.full(capacity + 8, GUARD, np.uint8)
        size = c_size_t(12345)
        status = NAMES[self.functions.ec_entropy_encode(
            ctypes.byref(self.entropy), pointer(self.codebooks), c_uint32(regime), pointer(indices), c_uint32(stages),
            pointer(payload), c_size_t(capacity), ctypes.byref(size))]
        assert (payload[size.value :] == GUARD).all()
        return status, payload[: size.value].tobytes()


def laid_out(tables: EntropyTables) -> tuple[list[tuple[int, int]], NDArray[np.uint16]]:
    """Offset and number of words of every table, the regimes' own first, and the cumulative frequencies of all."""
    ordered = [tables.regime_frequencies, *(table for of_regime in tables.word_frequencies for table in of_regime)]
    cumulative = [cumulative_frequencies(table) for table in ordered]
    ends = np.cumsum([table.nbytes for table in cumulative]).tolist()
    return list(zip([0, *ends], map(len, ordered), strict=False)), np.concatenate(cumulative)


def pointer(array: NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


@pytest.fixture(scope="module")
def sources(repository: Path) -> tuple[Path, list[Path]]:
    """The coder, and where its headers are."""
    firmware = repository / "src" / "edgecodec" / "firmware"
    return firmware / "kernels" / "entropy.c", [firmware / "include", firmware / "kernels"]


@pytest.fixture(scope="module")
def functions(toolchain: Toolchain, sources: tuple[Path, list[Path]],
              tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    library = tmp_path_factory.mktemp("entropy") / "entropy.so"
    toolchain.build("host", [sources[0]], library, includes=sources[1], options=("-O2", "-shared", "-fPIC"))
    loaded = ctypes.CDLL(str(library))
    loaded.ec_entropy_size.restype = c_size_t
    return loaded


@settings(max_examples=100, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), regimes=st.integers(1, 16),
       alphabets=st.lists(st.sampled_from([1, 2, 3, 16, 64, 500, 4096]), max_size=30))
def test_node_and_python_write_the_same_bytes(
        functions: ctypes.CDLL, data: st.DataObject, seed: int, regimes: int, alphabets: list[int]) -> None:
    tables = random_tables(seed, regimes, alphabets)
    coder = NodeCoder(functions, tables)
    regime = data.draw(st.integers(0, regimes - 1))
    indices = np.array([data.draw(st.integers(0, words - 1)) for words in alphabets], np.uint16)
    for stages in range(len(alphabets) + 1):
        payload = payload_by_definition(tables, [regime, *indices[:stages].tolist()])
        assert len(payload) <= functions.ec_entropy_size(stages)
        assert coder.encode(regime, indices, stages, len(payload)) == ("OK", payload)
        if payload:
            assert coder.encode(regime, indices, stages, len(payload) - 1) == ("CAPACITY", b"")


@pytest.mark.parametrize("words", [1, 2, 64, 4096])
@pytest.mark.parametrize("stages", [SYMBOLS_MAX - 1, SYMBOLS_MAX - 2])
def test_the_longest_windows_too(functions: ctypes.CDLL, stages: int, words: int) -> None:
    """Up to payloads that need every bit of the interval's digits: an even and an odd number of them."""
    tables = random_tables(7, 3, [words] * stages)
    coder = NodeCoder(functions, tables)
    rarest = np.array([np.argmin(table) for table in tables.word_frequencies[0]], np.uint16)
    windows = np.concatenate([likely_windows(tables, 100), [[0, *rarest], [1, *np.full_like(rarest, words - 1)]]])
    for (regime, *indices), payload in zip(windows.tolist(), tables.encode(windows), strict=True):
        assert coder.encode(regime, np.array(indices, np.uint16), stages, 192) == ("OK", payload)


def test_size_that_is_always_enough(functions: ctypes.CDLL) -> None:
    assert [functions.ec_entropy_size(stages) for stages in (0, 1, 24, 127, 128, 0xFFFFFFFF)] == [2, 3, 38, 192, 0, 0]


@pytest.mark.parametrize(("regime", "indices", "stages", "status"), [
    (4, [0, 0, 0], 3, "INDEX"),
    (0xFFFFFFFF, [0, 0, 0], 3, "INDEX"),
    (3, [0, 0, 7], 3, "INDEX"),
    (3, [0, 0, 0xFFFF], 3, "INDEX"),
    (3, [0, 0, 0xFFFF], 2, "OK"),
    (3, [0, 0, 0, 0], 4, "RATE"),
    (3, [0, 0, 0], 0xFFFFFFFF, "RATE"),
])
def test_bad_input_is_refused(
        functions: ctypes.CDLL, regime: int, indices: list[int], stages: int, status: str) -> None:
    coder = NodeCoder(functions, random_tables(5, 4, [64, 30, 7]))
    answer, payload = coder.encode(regime, np.array(indices, np.uint16), stages, 16)
    assert answer == status
    assert (answer == "OK") == (payload != b"")


def test_no_pointer_may_be_null(functions: ctypes.CDLL) -> None:
    coder = NodeCoder(functions, random_tables(5, 1, [2]))
    indices, payload, size = np.zeros(1, np.uint16), np.zeros(8, np.uint8), c_size_t()
    arguments = [ctypes.byref(coder.entropy), pointer(coder.codebooks), c_uint32(0), pointer(indices), c_uint32(1),
                 pointer(payload), c_size_t(8), ctypes.byref(size)]
    assert NAMES[functions.ec_entropy_encode(*arguments)] == "OK"
    for place in (0, 1, 3, 5, 7):
        faulty = [*arguments[:place], None, *arguments[place + 1 :]]
        assert NAMES[functions.ec_entropy_encode(*faulty)] == "NULL"


def test_tables_of_too_many_stages_are_refused(functions: ctypes.CDLL) -> None:
    coder = NodeCoder(functions, random_tables(5, 1, [2]))
    coder.entropy.stages = SYMBOLS_MAX
    assert coder.encode(0, np.zeros(SYMBOLS_MAX, np.uint16), SYMBOLS_MAX, 1000) == ("RATE", b"")


# Every object has its exact size, so that a sanitizer sees a step beside it.
PROBE = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "entropy.h"
#include "tables.h"

int main(void) {
    uint8_t *codebooks = malloc(sizeof cumulative);
    memcpy(codebooks, cumulative, sizeof cumulative);
    const ec_entropy entropy = {STAGES, REGIMES, words};
    for (size_t window = 0; window < WINDOWS; window++) {
        uint16_t *indices = malloc(sizeof windows[0].indices);
        memcpy(indices, windows[window].indices, sizeof windows[0].indices);
        for (size_t capacity = 0; capacity <= ec_entropy_size(STAGES); capacity++) {
            uint8_t *payload = malloc(capacity);
            size_t bytes;
            if (payload != NULL && ec_entropy_encode(&entropy, codebooks, windows[window].regime, indices, STAGES,
                                                     payload, capacity, &bytes) == EC_OK && bytes == capacity) {
                for (size_t i = 0; i < bytes; i++) { printf("%02x", payload[i]); }
                puts("");
            }
            free(payload);
        }
        free(indices);
    }
    free(codebooks);
    return 0;
}
"""


def test_sanitizers_find_nothing(sanitizing: tuple[Toolchain, str], sources: tuple[Path, list[Path]],
                                 tmp_path: Path) -> None:
    tables = random_tables(6, 3, [64, 2, 1, 30] * 31 + [5] * 3, concentration=1)
    windows = likely_windows(tables, 50)
    places, cumulative = laid_out(tables)

    def braced(values: object) -> str:
        return str(values).translate(str.maketrans("[()]", "{{}}"))

    (tmp_path / "tables.h").write_text(f"""
        #define STAGES {tables.stages}
        #define REGIMES {braced(places[0])}
        #define WINDOWS {len(windows)}
        static const ec_frequencies words[] = {braced(places[1:])};
        static const uint16_t cumulative[] = {braced(cumulative.tolist())};
        static const struct {{ uint16_t regime; uint16_t indices[STAGES]; }} windows[] =
            {braced([(regime, indices) for regime, *indices in windows.tolist()])};""")
    (tmp_path / "probe.c").write_text(PROBE)
    compiler, checks = sanitizing
    compiler.build("host", [tmp_path / "probe.c", sources[0]], tmp_path / "probe", includes=[*sources[1], tmp_path],
                   options=("-O1", "-g", f"-fsanitize={checks}", "-fno-sanitize-recover=all"))
    finished = subprocess.run([tmp_path / "probe"], capture_output=True, text=True, check=False)
    assert finished.stderr == ""
    assert finished.stdout.split() == [payload.hex() for payload in tables.encode(windows)]
