"""The float16 export computes what the torch codec computes, for every kind of codec and for odd channel counts."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from deploy.random_codecs import random_codec, small_sizes

from edgecodec.deploy.checks import check_codec
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.export_receiver import export_receiver
from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import Codec
from edgecodec.model.kinds import KINDS
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import load_codec, save_codec
from edgecodec.packets.receiver import Receiver
from edgecodec.params import Params


@pytest.fixture(scope="module")
def small(repository):  # type: ignore[no-untyped-def]
    return small_sizes(repository)


@pytest.fixture(scope="module")
def trained(small: Params) -> Callable[..., Codec]:
    """Codecs by name and channels: each is made once, and handed out as a copy."""
    make = cache(lambda name, channels: random_codec(small.model_copy(update={"codec": name}), channels))
    return lambda name="edge", channels=36: deepcopy(make(name, channels))


@pytest.mark.parametrize(("name", "channels"), [
    *((name, 36) for name in KINDS), ("paper", 37), ("transform", 37),
    pytest.param("edge", 37, marks=pytest.mark.slow)])
def test_export_computes_what_torch_computes(trained: Callable[..., Codec], name: str, channels: int) -> None:
    codec = trained(name, channels)
    windows = np.random.default_rng(4).normal(size=(3, channels, 800)).astype(np.float32)
    exported = encode(export_codec(codec), np.ascontiguousarray(windows.transpose(0, 2, 1)))
    for kind, least in ((PacketKind.FIXED_LENGTH, 0.8), (PacketKind.CODED, 0.6)):
        if kind in codec.quantizers:  # near ties may fall either way
            node, torchs = exported.indices(kind), codec.encode(windows, kind)
            assert (node.regime == torchs.regime).mean() > 0.6
            words = node.words[..., : torchs.words.shape[2]]  # what pads a row is no word
            assert (words == torchs.words).mean() > least
    with torch.no_grad():
        latent = codec.encoder(codec.normalize(torch.from_numpy(windows)))  # [n, tokens, dimension]
        if codec.quantizer.rotation is not None:  # in the coordinates of every regime
            latent = torch.einsum("nrd,rde->nre", latent - codec.quantizer.centre, codec.quantizer.rotation)
        latent = latent.numpy()
    kept = exported.latent[..., np.abs(exported.latent).max(axis=(0, 1)) > 0].astype(np.float32)
    assert kept.shape == latent.shape
    assert np.abs(kept - latent).max() < 0.01 * np.abs(latent).max()


def test_the_word_that_pads_an_odd_number_changes_nothing(trained: Callable[..., Codec]) -> None:
    codec = trained("edge", 36)
    indices = codec.encode(np.random.default_rng(6).normal(size=(3, 36, 800)).astype(np.float32), PacketKind.CODED)
    padded = Indices(indices.regime, np.pad(indices.words, ((0, 0), (0, 0), (0, 1))))
    np.testing.assert_array_equal(codec.decode(padded, 2, PacketKind.CODED), codec.decode(indices, 2, PacketKind.CODED))
    np.testing.assert_array_equal(codec.payload_bits(padded, 2, PacketKind.CODED),
                                  codec.payload_bits(indices, 2, PacketKind.CODED))
    with pytest.raises(EdgeCodecError, match="rate 2 needs"):
        codec.decode(Indices(indices.regime, indices.words[..., 1:]), 2, PacketKind.CODED)


@pytest.mark.parametrize("name", KINDS)
def test_a_receiver_rebuilds_what_torch_rebuilds(trained: Callable[..., Codec], name: str, tmp_path: Path) -> None:
    codec = trained(name)
    exported = export_codec(codec)
    save_codec(exported, tmp_path / "float16")
    export_receiver(codec, exported, tmp_path / "receiver")
    indices = codec.encode(np.random.default_rng(5).normal(size=(3, 36, 800)).astype(np.float32))
    rebuilt = Receiver.open(tmp_path / "receiver", tmp_path / "float16").rebuild(exported.quantizer, indices)
    torchs = codec.decode(indices, rate=4)
    assert np.abs(rebuilt - torchs).max() < 0.01 * np.abs(torchs).max()


def test_saved_codec_is_the_same_codec(trained: Callable[..., Codec], tmp_path) -> None:  # type: ignore[no-untyped-def]
    exported = export_codec(trained())
    save_codec(exported, tmp_path)
    assert load_codec(tmp_path).model_hash == exported.model_hash


def test_coded_packets_have_the_trained_steps_and_tables(trained: Callable[..., Codec]) -> None:
    codec = trained()
    exported = export_codec(codec)
    check_codec(exported)
    trained_scalars, scalars = codec.coded.scalars, exported.coded.scalars
    same = {name for name, array in scalars.arrays().items() if np.array_equal(array, getattr(trained_scalars, name))}
    assert same == scalars.arrays().keys() - {"classes"} | (
        {"classes"} if scalars.coordinates == trained_scalars.coordinates else set())
    assert not scalars.classes[..., trained_scalars.coordinates :].any()  # nothing is sent of what pads a row


def test_the_papers_codec_has_no_coded_packets(trained: Callable[..., Codec]) -> None:
    assert export_codec(trained("paper")).quantizers.keys() == {PacketKind.FIXED_LENGTH}


def test_a_codec_of_an_older_format_is_refused(trained: Callable[..., Codec], tmp_path) -> None:  # type: ignore[no-untyped-def]
    save_codec(export_codec(trained()), tmp_path)
    described = tmp_path / "codec.json"
    described.write_text(described.read_text().replace('"format": 5', '"format": 4'))
    with pytest.raises(EdgeCodecError, match=r"codec.json: not of format 5, .*; run the stage export_float16 again"):
        load_codec(tmp_path)


def test_a_flipped_bit_in_the_saved_weights_is_refused(trained: Callable[..., Codec], tmp_path) -> None:  # type: ignore[no-untyped-def]
    save_codec(export_codec(trained()), tmp_path)
    weights = tmp_path / "codec.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1000] ^= 1
    weights.write_bytes(content)
    with pytest.raises(EdgeCodecError, match="model hash"):
        load_codec(tmp_path)


@pytest.mark.parametrize(("value", "reason"), [(float("nan"), "NaN"), (1e6, "beyond float16")])
def test_weights_that_float16_cannot_hold_are_named(trained: Callable[..., Codec], value: float, reason: str) -> None:
    codec = trained()
    codec.encoder.rotation.weight.data[0, 0] = value
    with pytest.raises(EdgeCodecError, match=f"rotation.*{reason}"):
        export_codec(codec)
