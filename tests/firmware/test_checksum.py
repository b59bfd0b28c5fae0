"""A bit that flips anywhere in weights or codebooks is found when the codec starts."""

import ctypes
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like
from firmware.conftest import BuildLibrary
from firmware.library import Context, Library
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgecodec.deploy.memory import BLOB_HEADER_BYTES, coordinates_bytes
from edgecodec.deploy.panels import Panels

CODEC = edge_like(Sizes(seed=9, stages_per_rate=2, regimes=3, coded_classes=9))
FLIPS = 200
COORDINATES_END = BLOB_HEADER_BYTES + coordinates_bytes(CODEC.quantizer)
CODEWORDS_END = COORDINATES_END + sum(Panels.of_stage(stage).nbytes for stage in CODEC.quantizer.stages)


@pytest.fixture(scope="module")
def library(build_library: BuildLibrary) -> Library:
    return build_library(CODEC)


def copied(blob: int) -> NDArray[np.uint8]:
    """Weights or codebooks, aligned, in memory that can be written."""
    (size,) = np.frombuffer(ctypes.string_at(blob + 4, 4), np.uint32)
    return np.frombuffer(ctypes.string_at(blob, size), np.uint32).copy().view(np.uint8)


def init(library: Library, blob: str, data: NDArray[np.uint8], context: Context, checked: bool = True) -> str:
    blobs = {"weights": library.weights, "codebooks": library.codebooks, blob: data.ctypes.data}
    return library.init(context, library.arena, library.arena_bytes, checked=checked, **blobs)


def with_each_flipped(data: NDArray[np.uint8], bits: Sequence[int]) -> Sequence[NDArray[np.uint8]]:
    flipped = np.repeat(data[None], len(bits), axis=0)
    for copy, bit in zip(flipped, bits, strict=True):
        copy[bit // 8] ^= 1 << bit % 8
    return flipped


@pytest.mark.parametrize(("blob", "first", "end"), [
    ("weights", 0, BLOB_HEADER_BYTES), ("weights", BLOB_HEADER_BYTES, None),
    ("codebooks", 0, BLOB_HEADER_BYTES), ("codebooks", BLOB_HEADER_BYTES, COORDINATES_END),
    ("codebooks", COORDINATES_END, None)])
def test_a_flipped_bit_is_refused_wherever_it_is(library: Library, blob: str, first: int, end: int | None) -> None:
    original = copied(getattr(library, blob))
    bits = np.random.default_rng(1).permutation(range(8 * first, 8 * (end or len(original))))[:FLIPS]
    context = library.ready()
    for data in with_each_flipped(original, bits.tolist()):
        assert init(library, blob, data, context) in ("MODEL", "SHAPE")
        assert context.arena is None
    assert init(library, blob, original, context) == "OK"


@pytest.mark.parametrize(("blob", "first", "end"), [
    ("weights", BLOB_HEADER_BYTES, None), ("codebooks", COORDINATES_END, CODEWORDS_END)])
def test_unchecked_the_content_is_not_read(library: Library, blob: str, first: int, end: int | None) -> None:
    original = copied(getattr(library, blob))
    bits = np.random.default_rng(2).permutation(range(8 * first, 8 * (end or len(original))))[:FLIPS]
    for data in with_each_flipped(original, bits.tolist()):
        assert init(library, blob, data, Context(), checked=False) == "OK"


@pytest.mark.parametrize("blob", ["weights", "codebooks"])
def test_unchecked_the_header_still_counts(library: Library, blob: str) -> None:
    original = copied(getattr(library, blob))
    kind_and_size, hashes = range(8 * 8), range(8 * 12, 8 * BLOB_HEADER_BYTES)
    for data in with_each_flipped(original, [*kind_and_size, *hashes]):
        assert init(library, blob, data, Context(), checked=False) in ("MODEL", "SHAPE")


def test_unchecked_a_coordinate_beyond_the_latent_is_still_refused(library: Library) -> None:
    data = copied(library.codebooks)
    data[BLOB_HEADER_BYTES : BLOB_HEADER_BYTES + 2] = 255
    assert init(library, "codebooks", data, Context(), checked=False) == "MODEL"


@pytest.mark.parametrize("blob", ["weights", "codebooks"])
def test_what_was_erased_behind_the_header_is_refused(library: Library, blob: str) -> None:
    for filler in (0, 255):
        data = copied(getattr(library, blob))
        data[BLOB_HEADER_BYTES:] = filler
        assert init(library, blob, data, Context()) == "MODEL"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.binary(min_size=4, max_size=4), max_size=40).map(b"".join), rest=st.binary(max_size=3))
def test_checksums_are_those_of_zlib(library: Library, words: bytes, rest: bytes) -> None:
    functions = library.functions
    functions.ec_checksum.restype = functions.ec_checksum_of_words.restype = ctypes.c_uint32
    data = words + rest
    assert functions.ec_checksum(data, ctypes.c_size_t(len(data))) == zlib.crc32(data)
    aligned = np.frombuffer(words, np.uint32).copy()
    assert functions.ec_checksum_of_words(
        ctypes.c_void_p(aligned.ctypes.data), ctypes.c_size_t(len(aligned))) == zlib.crc32(words)


def test_the_generated_checksums_are_of_what_the_compiler_laid_out(library: Library) -> None:
    for blob in (library.weights, library.codebooks):
        data = copied(blob).tobytes()
        checksum = int.from_bytes(data[8:12], "little")
        assert checksum == zlib.crc32(data[12:])
