"""The code of one model runs any other of its shape, given as a blob, and refuses all else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, random_windows
from firmware.conftest import BuildLibrary, Generate
from firmware.library import Context, Library, RemarksOnNode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgecodec.deploy.golden import packets
from edgecodec.deploy.oracle import encode
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec

EDGE = Sizes(seed=1, regimes=3, coded_classes=9, monitored=True)
PAPER = Sizes(seed=1, regimes=2)
PAIRS = {"edge": (edge_like(EDGE), edge_like(replace(EDGE, seed=2))),
         "paper": (paper_like(PAPER), paper_like(replace(PAPER, seed=2)))}
Blobs = tuple[NDArray[np.uint8], NDArray[np.uint8]]
WHOLE = range(2)


def received(firmware: Path) -> Blobs:
    """Weights and codebooks as files bring them, aligned."""
    weights, codebooks = (np.fromfile(firmware / "ota" / f"{name}.bin", np.uint32).view(np.uint8)
                          for name in ("weights", "codebooks"))
    return weights, codebooks


def init(library: Library, blobs: Blobs, context: Context, sizes: tuple[int, int] | None = None) -> str:
    weights, codebooks = blobs
    return library.init(context, library.arena, library.arena_bytes, weights.ctypes.data, codebooks.ctypes.data,
                        sizes=sizes or (len(weights), len(codebooks)))


def packets_of(library: Library, context: Context, codec: ExportedCodec, window: NDArray[np.float32]) -> list[bytes]:
    """Of every kind, at the highest rate."""
    made = []
    for coded in (False, True)[: len(codec.quantizers)]:
        indices, remarks = np.zeros(4096, np.uint16), RemarksOnNode() if codec.monitor else None
        assert library.encode(context, library.team(), window, 3, indices, coded, remarks) == "OK"
        status, packet = (library.pack_coded(context, 3, 0, indices, 4096, remarks) if coded
                          else library.pack(3, 0, indices, 4096, remarks, context))
        assert status == "OK"
        made.append(packet)
    return made


@pytest.fixture(scope="module")
def library(build_library: BuildLibrary) -> Library:
    return build_library(PAIRS["edge"][0])


@pytest.mark.parametrize("kind", PAIRS)
def test_one_code_makes_the_packets_of_every_model(
        kind: str, build_library: BuildLibrary, generate: Generate) -> None:
    own, other = PAIRS[kind]
    library, contexts = build_library(own), (Context(), Context())
    for codec, context in zip((own, other), contexts, strict=True):
        blobs = received(generate(codec))
        assert init(library, blobs, context) == "OK"
        context.blobs = blobs  # they must outlive it
    for codec, context in [*zip((own, other), contexts, strict=True)] * 2:
        window = random_windows(codec, 1)
        expected = encode(codec, window)
        assert packets_of(library, context, codec, window) == [
            packets(codec, expected, 0, each)[3] for each in PacketKind if each in codec.quantizers]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_is_refused_in_every_byte(library: Library, generate: Generate, data: st.DataObject) -> None:
    blobs = received(generate(PAIRS["edge"][1]))
    blob = blobs[data.draw(st.sampled_from(WHOLE))]
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    context = Context()
    assert init(library, blobs, context) in ("MODEL", "SHAPE")
    assert context.arena is None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_was_cut_off_is_refused(library: Library, generate: Generate, data: st.DataObject) -> None:
    blobs, which = received(generate(PAIRS["edge"][1])), data.draw(st.sampled_from(WHOLE))
    kept = data.draw(st.integers(0, len(blobs[which]) - 1))
    sizes = [len(blob) for blob in blobs]
    sizes[which] = kept
    assert init(library, blobs, Context(), (sizes[0], sizes[1])) == "SIZE"


@pytest.mark.parametrize("changes", [{"channels": 8}, {"taps": 9}, {"codewords": 24}, {"coded_classes": 12}], ids=str)
def test_another_shape_is_said_to_be_one(library: Library, generate: Generate, changes: dict[str, int]) -> None:
    own, other = received(generate(PAIRS["edge"][1])), received(generate(edge_like(replace(EDGE, **changes))))
    assert init(library, other, Context()) == "SHAPE"
    assert init(library, (own[0], other[1]), Context()) == "SHAPE"


def test_two_models_are_not_mixed(library: Library, generate: Generate) -> None:
    one, other = (received(generate(codec)) for codec in PAIRS["edge"])
    assert init(library, (one[0], other[1]), Context()) == "MODEL"
