"""Escapes end to end: a window's bins go into a packet within a bound, and the receiver makes a window of them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, random_windows
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.export_receiver import export_receiver
from edgecodec.deploy.golden import escape_of, packets
from edgecodec.deploy.oracle import Encoding, encode
from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import central
from edgecodec.model.codec import Codec
from edgecodec.model.cosine_bins import cosines as cosines_of_the_model
from edgecodec.packets import escape
from edgecodec.packets.cosines import cosines
from edgecodec.packets.decoder import DecodedWindows, PacketDecoder
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import error_edges
from edgecodec.packets.network import ExportedCodec, save_codec
from edgecodec.packets.packet import PacketFormat, open_packet, unpack
from edgecodec.training import calibration


def that_calls_nothing_faulty_but_nan(codec: ExportedCodec) -> ExportedCodec:
    assert codec.monitor is not None
    widest = np.full(codec.channels, 1e9, np.float32)
    return replace(codec, monitor=replace(
        codec.monitor, lowest=-widest, highest=widest, largest_step=widest, largest_drift=widest,
        smallest_span=0 * widest, limits=np.array([codec.samples, 1.125], np.float32)))


CODEC = that_calls_nothing_faulty_but_nan(
    edge_like(Sizes(seed=7, regimes=2, channels=9, samples=60, monitored=True)))
FORM = PacketFormat.of(CODEC)
BOUND = 3.0  # per cent


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), exponent=st.integers(-8, 9), bound=st.sampled_from([0.0, 0.1, 3.0, 40.0, 1e4]),
       broken=st.booleans())
def test_the_bound_is_kept_whatever_the_window(seed: int, exponent: int, bound: float, broken: bool) -> None:
    windows = random_windows(CODEC, 1, seed) * np.float32(2.0**exponent)
    windows[0, 5:, 2] = np.nan if broken else windows[0, 5:, 2]
    encoding = encode(CODEC, windows)
    sealed = open_packet(FORM, escape_of(CODEC, encoding, 0, bound))
    assert (sealed.kind, sealed.rate, sealed.sequence) == (PacketKind.ESCAPE, 0, 0)
    assert sealed.said is not None
    assert sealed.said.error_percent == next((edge for edge in error_edges() if edge >= bound), np.inf)
    np.testing.assert_array_equal(sealed.said.faulty, encoding.remarks[PacketKind.FIXED_LENGTH].faulty[0])
    assert most_that_is_missed(encoding, sealed.payload, ~sealed.said.faulty) <= bound


def most_that_is_missed(encoding: Encoding, payload: bytes, healthy: NDArray[np.bool_]) -> float:
    """In per cent of the magnitude, over the healthy channels: no error of these bins can be more, in any samples."""
    assert encoding.escapable is not None
    assert CODEC.monitor is not None
    bins, monitor = encoding.escapable.bins[0].astype(float), CODEC.monitor
    inner = central(CODEC.samples)
    squared = np.square(escape.decode(payload, *bins.shape) - bins).sum(axis=1)
    seen = encoding.layers["decimate"][0, : CODEC.channels, slice(*monitor.central)].astype(float)
    magnitude = monitor.gain * np.abs(seen - monitor.origin[:, None]).mean(axis=1)
    missed = np.sqrt(squared / (inner.stop - inner.start)) / magnitude
    return float(100 * missed[healthy].mean())


def test_a_looser_bound_takes_fewer_bytes() -> None:
    windows = random_windows(CODEC, 1)
    encoding = encode(CODEC, windows)
    sizes = [len(escape_of(CODEC, encoding, 0, bound)) for bound in (0, 1, 10, 100)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0] <= FORM.escape_bytes_max


def test_a_packet_without_a_window_has_no_indices() -> None:
    packet = escape_of(CODEC, encode(CODEC, random_windows(CODEC, 1)), 0, BOUND)
    with pytest.raises(EdgeCodecError, match="of kind escape, which holds no indices"):
        unpack(FORM, packet)


def test_a_model_without_monitor_refuses_escapes() -> None:
    packet = escape_of(CODEC, encode(CODEC, random_windows(CODEC, 1)), 0, BOUND)
    stranger = PacketFormat(CODEC.model_hash, FORM.kinds, CODEC.channels)
    with pytest.raises(EdgeCodecError, match="escape, but the model has no such packets"):
        open_packet(stranger, packet)


@dataclass(frozen=True)
class Sent:
    """Packets of trained windows, and who decodes them."""

    decoder: PacketDecoder
    codec: ExportedCodec
    encoding: Encoding
    windows: NDArray[np.float32]  # [n, channels, samples]

    def escapes(self, bound: float) -> list[bytes]:
        return [escape_of(self.codec, self.encoding, number, bound) for number in range(len(self.windows))]


@pytest.fixture(scope="module")
def sent(codec: Codec, train: WindowSet, validation: WindowSet, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """Three usual windows, one with a broken sensor, and noise."""
    with pytest.MonkeyPatch.context() as few:
        few.setattr(calibration, "WINDOWS", 2 * calibration.BATCH)
        fitted = calibration.fit_calibration(codec, train, validation, 0)
    assert fitted is not None
    exported, folder = export_codec(codec, calibration=fitted.calibration), tmp_path_factory.mktemp("receiver")
    save_codec(exported, folder / "float16")
    export_receiver(codec, exported, folder / "receiver")
    windows = validation.inputs()[:5].copy()
    windows[3, 4] = np.nan
    windows[4] = np.random.default_rng(1).normal(size=windows[4].shape) * np.abs(windows[4]).mean()
    encoding = encode(exported, np.ascontiguousarray(windows.transpose(0, 2, 1)))
    return Sent(PacketDecoder.open(folder / "receiver", folder / "float16"), exported, encoding, windows)


def test_windows_come_back_within_the_bound(sent: Sent) -> None:
    all_bins, within = sent.decoder.decode(sent.escapes(0)), sent.decoder.decode(sent.escapes(BOUND))
    inner = central(sent.codec.samples)
    for number in range(len(sent.windows)):
        healthy = ~within.faulty[number]
        whole, some = (decoded.windows[number][healthy][:, inner] for decoded in (all_bins, within))
        error = 100 * np.mean(np.abs(some - whole).mean(axis=1) / np.abs(whole).mean(axis=1))
        assert 0 < error <= BOUND
    assert within.faulty.any(axis=1).tolist() == [False, False, False, True, False]
    assert np.isnan(within.windows[3, 4]).all()
    assert (within.rate == 0).all()
    assert (within.estimated_error < 1.1 * BOUND).all()
    assert (within.sequence == np.arange(5)).all()


def test_all_bins_are_what_the_filter_passes_of_the_window(sent: Sent, validation: WindowSet) -> None:
    decoded, inner = sent.decoder.decode(sent.escapes(0)[:3]), central(sent.codec.samples)
    targets = validation.targets()[:3][..., inner]
    assert np.abs(decoded.windows[..., inner] - targets).mean() < 0.05 * np.abs(targets).mean()


def test_kinds_mix_and_each_window_is_the_same_bits_as_alone(sent: Sent) -> None:
    mixed = [packet for number, of_window in enumerate(sent.escapes(BOUND)) for packet in (
        packets(sent.codec, sent.encoding, number, PacketKind.FIXED_LENGTH)[1], of_window)]
    together = sent.decoder.decode(mixed)
    for number, packet in enumerate(mixed):
        alone = sent.decoder.decode([packet])
        for name in DecodedWindows.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[number])


def test_flaws_of_escapes_are_told_among_the_others(sent: Sent) -> None:
    packet = sent.escapes(BOUND)[0]
    flipped = packet[:20] + bytes([packet[20] ^ 4]) + packet[21:]
    flaws = sent.decoder.flaws([packet, flipped, packet[:-1], packet])
    assert list(flaws) == [1, 2]
    assert all("damaged or cut short" in flaw for flaw in flaws.values())


def test_the_receivers_cosines_are_the_models() -> None:
    np.testing.assert_allclose(cosines(7, 50), cosines_of_the_model(7, 50), atol=1e-7)
