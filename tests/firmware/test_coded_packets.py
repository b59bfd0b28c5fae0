"""Coded packets of a trained codec, from torch to the node and back: of validation windows and of real ones."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from firmware.conftest import BuildLibrary, RunOnHost
from numpy.typing import NDArray

from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.export_receiver import export_receiver
from edgecodec.deploy.oracle import encode
from edgecodec.model.codec import Codec
from edgecodec.packets.decoder import PacketDecoder
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import Arithmetic, ExportedCodec, save_codec
from edgecodec.packets.packet import PacketFormat, pack
from edgecodec.simulators.comparison import compare_with_oracle

CODED = PacketKind.CODED
RATES = (1, 2, 3, 4)


@pytest.fixture(scope="module")
def exported(codec: Codec) -> ExportedCodec:
    return export_codec(codec)


@pytest.fixture(scope="module")
def decoder(codec: Codec, exported: ExportedCodec, tmp_path_factory: pytest.TempPathFactory) -> PacketDecoder:
    folder = tmp_path_factory.mktemp("coded")
    save_codec(exported, folder / "float16")
    export_receiver(codec, exported, folder / "receiver")
    return PacketDecoder.open(folder / "receiver", folder / "float16")


@pytest.fixture(scope="module", params=["validation", "real"])
def windows(request: pytest.FixtureRequest, validation: WindowSet, codec: Codec) -> NDArray[np.float32]:
    """[n, samples, channels]"""
    if request.param == "validation":
        found = validation.inputs()[:12]
    else:
        folder: Path = request.getfixturevalue("real_windows")
        found = np.load(folder / "dev.npz")["x"]
    return np.ascontiguousarray(found.transpose(0, 2, 1))


@pytest.mark.parametrize("arithmetic", get_args(Arithmetic))
@pytest.mark.parametrize("threads", [None, 8])
def test_the_node_computes_what_the_oracle_computes(
        exported: ExportedCodec, windows: NDArray[np.float32], threads: int | None, arithmetic: Arithmetic,
        run_on_host: RunOnHost) -> None:
    exported = replace(exported, arithmetic=arithmetic)
    comparison = compare_with_oracle(exported, windows, run_on_host(exported, windows, threads))
    assert comparison.bit_exact, str(comparison.first_difference)


def test_the_nodes_packets_decode_to_what_torch_decodes(
        exported: ExportedCodec, windows: NDArray[np.float32], decoder: PacketDecoder, codec: Codec,
        build_library: BuildLibrary) -> None:
    library, form = build_library(exported), PacketFormat.of(exported)
    context, expected = library.ready(), encode(exported, windows).indices(CODED)
    for rate in RATES:
        packets = []
        for number, window in enumerate(windows):
            indices = np.zeros(1 + expected.words[0].size, np.uint16)
            assert library.encode(context, library.team(), window, rate, indices, coded=True) == "OK"
            status, packet = library.pack_coded(context, rate, number, indices, form.packet_bytes_max(rate))
            assert status == "OK"
            assert packet == pack(form, rate, number, expected[number], CODED)
            packets.append(packet)
        np.testing.assert_allclose(decoder.decode(packets).windows, codec.decode(expected, rate, CODED),
                                   rtol=0, atol=2e-6)


@pytest.mark.parametrize("arithmetic", get_args(Arithmetic))
def test_float16_costs_next_to_nothing(codec: Codec, exported: ExportedCodec, arithmetic: Arithmetic,
                                       windows: NDArray[np.float32]) -> None:
    """A near tie may fall either way, but then both words are as good."""
    exported = replace(exported, arithmetic=arithmetic)
    of_torch = codec.encode(windows.transpose(0, 2, 1), CODED)
    of_node = encode(exported, windows).indices(CODED)
    assert (of_torch.words == of_node.words).mean() > 0.9
    latent = codec.latents(windows.transpose(0, 2, 1))
    for rate in RATES:
        before = (codec.quantized_latents(of_torch, rate, CODED) - latent).square().sum()
        after = (codec.quantized_latents(of_node, rate, CODED) - latent).square().sum()
        assert float(after / before) == pytest.approx(1, abs=0.02)
        sizes = [codec.payload_bits(sent, rate, CODED).sum() for sent in (of_torch, of_node)]
        assert sizes[1] == pytest.approx(sizes[0], rel=0.03)
