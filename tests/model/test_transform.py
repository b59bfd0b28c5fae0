"""Codec transform is done without a training step, and goes through export and firmware like the others."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from edgecodec.data.windows import WindowSet
from edgecodec.deploy.emit import write_firmware
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.memory import arena_bytes
from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import errors
from edgecodec.model.codec import Codec, codec_from_params
from edgecodec.model.cosine_bins import cosines
from edgecodec.model.kind import WindowFormat
from edgecodec.model.transform import TransformDecoder, TransformEncoder, fit_to
from edgecodec.params import Params, TransformParams, load_params
from edgecodec.simulators.comparison import compare_with_oracle
from edgecodec.simulators.host import HostSimulator
from edgecodec.simulators.qemu import QemuSimulator
from edgecodec.simulators.simulator import Simulator
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.training.loop import Trained, Trainer

CHANNELS, SAMPLES = 5, 160
SIZES = TransformParams(codewords=16, rates=2, stages_per_rate=2, codeword_samples=4, decimation=8, filter_taps=32,
                        modes=2, time_bins=16)


def train(params: Params, windows: Path, folder: Path) -> Trained:
    sets = (WindowSet.open(windows / split) for split in ("train", "validation"))
    return Trainer(params.model_copy(update={"codec": "transform"}), *sets, folder).run()


@pytest.fixture(scope="module")
def trained(small_params: Params, small_windows: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(small_params, small_windows, tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def codec(trained: Trained) -> Codec:
    return trained.codec


def test_it_sends_as_many_bits_as_codec_edge(repository: Path) -> None:
    params = load_params(repository / "params.yaml")
    window = WindowFormat(tuple(f"P{number:02d}" for number in range(36)), 800, 100.0, 5.0)
    bits = [[codec.bits(rate) for rate in codec.rates] for codec in (
        codec_from_params(params.model_copy(update={"codec": name}), window) for name in ("edge", "transform"))]
    assert bits[0] == bits[1] == [90, 180, 270, 360]


def test_the_linear_solution_rebuilds_what_its_modes_and_bins_can_hold() -> None:
    generator = np.random.default_rng(0)
    shapes = generator.normal(size=(2, CHANNELS))
    moving = generator.normal(size=(400, 2, 16)) @ cosines(17, SAMPLES)[1:]  # [n, modes, samples]
    targets = (generator.normal(size=(400, CHANNELS, 1)) + shapes.T @ moving).astype(np.float32)
    encoder, decoder = TransformEncoder(CHANNELS, SAMPLES, SIZES), TransformDecoder(CHANNELS, SAMPLES, SIZES)
    kept = fit_to(encoder, decoder, targets, targets)
    assert kept["modes_energy"] > 0.999
    with torch.no_grad():
        rebuilt = decoder(encoder(torch.from_numpy(targets))).numpy()
    inner = slice(30, -30)  # the filter sees nothing beyond the window's ends
    assert np.square(rebuilt - targets)[..., inner].mean() < 0.002 * np.square(targets)[..., inner].mean()


def test_it_is_evaluated_though_it_takes_no_step(trained: Trained) -> None:
    (only,) = trained.history
    assert only["step"] == 0
    by_rate = [only[f"error_percent_rate{rate}"] for rate in trained.codec.rates]
    assert by_rate == sorted(by_rate, reverse=True)


def test_more_bits_make_less_error_than_the_means_alone_have(codec: Codec, validation: WindowSet) -> None:
    inputs, targets = validation.inputs(), validation.targets()
    means = np.broadcast_to(targets.mean(axis=-1, keepdims=True), targets.shape)
    for kind in codec.quantizers:
        indices = codec.encode(inputs, kind)
        found = [errors(codec.decode(indices, rate, kind), targets).error_percent for rate in codec.rates]
        assert found == sorted(found, reverse=True)
        assert found[-1] < errors(means, targets).error_percent


def test_stages_take_the_strongest_coefficients_first(codec: Codec, train: WindowSet) -> None:
    energy = codec.latents(train.inputs()).square().mean(dim=(0, 1))  # [dimension]
    first, *_ = codec.quantizer.quantizers[0].coordinates
    assert float(energy[first].min()) > float(energy.median())


@pytest.mark.slow
def test_equal_seeds_give_equal_bits(trained: Trained, small_params: Params, small_windows: Path,
                                     tmp_path: Path) -> None:
    again = train(small_params, small_windows, tmp_path).codec.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in trained.codec.state_dict().items())


def on_host(toolchain: Toolchain) -> Simulator:
    return HostSimulator(toolchain)


def on_cortex_m(toolchain: Toolchain) -> Simulator:
    return QemuSimulator.find(toolchain, "cortex-m55")


@pytest.mark.tools
@pytest.mark.parametrize("simulator", [on_host, QemuSimulator.find, on_cortex_m])
def test_its_firmware_has_the_oracles_bits(simulator: Callable[[Toolchain], Simulator], codec: Codec,
                                           small_params: Params, validation: WindowSet, toolchain: Toolchain,
                                           tmp_path: Path) -> None:
    exported = export_codec(codec)
    windows = np.ascontiguousarray(validation.inputs(slice(0, 2)).transpose(0, 2, 1))
    limits = small_params.firmware
    write_firmware(exported, windows, arena_bytes(limits), tmp_path / "firmware", limits.l1_stack_bytes)
    try:
        runs = simulator(toolchain)
    except EdgeCodecError as absence:
        pytest.skip(str(absence))
    transcript = runs.run(runs.build(tmp_path / "firmware", tmp_path, "gap9_like", windows), time_limit_seconds=120)
    assert compare_with_oracle(exported, windows, transcript).first_difference is None
