"""Firmware is built once per codec, compiler and options in a test session."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from deploy.factory import L1_STACK_BYTES, random_windows
from firmware.library import Library

from edgecodec.deploy.emit import write_firmware
from edgecodec.packets.network import ExportedCodec, Single
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.host import HostSimulator
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.transcript import Transcript

Generate = Callable[[ExportedCodec], Path]
RunOnHost = Callable[..., Transcript]
BuildLibrary = Callable[[ExportedCodec], Library]


@pytest.fixture(scope="session")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Generate:
    """The firmware folder of a codec."""
    root = tmp_path_factory.mktemp("generated")

    def generate_once(codec: ExportedCodec) -> Path:
        folder = root / codec.model_hash[:16]
        if not folder.exists():
            write_firmware(codec, random_windows(codec, 1), 1 << 20, folder, L1_STACK_BYTES)
        return folder

    return generate_once


@pytest.fixture(scope="session")
def run_on_host(generate: Generate, toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> RunOnHost:
    """Run a codec's (or a firmware folder's) verification program on some windows; threads None: the serial port."""
    images: dict[str, Image] = {}

    def run(firmware: ExportedCodec | Path, windows: Single, threads: int | None = None, *,
            compiler: Toolchain = toolchain, options: tuple[str, ...] = ("-O1",)) -> Transcript:
        folder = generate(firmware) if isinstance(firmware, ExportedCodec) else firmware
        simulator = HostSimulator(compiler, options=options)
        key = hashlib.sha256(f"{folder} {compiler.name} {options}".encode() + windows.tobytes()).hexdigest()
        if key not in images:
            images[key] = simulator.build(folder, tmp_path_factory.mktemp("host"), "host", windows)
        arguments = images[key].arguments if threads is None else (*images[key].arguments, str(threads))
        return simulator.run(replace(images[key], arguments=arguments), time_limit_seconds=60)

    return run


@pytest.fixture(scope="session")
def build_library(generate: Generate, toolchain: Toolchain) -> BuildLibrary:
    """The codec as a shared library, its C functions callable from Python."""
    built: dict[str, Library] = {}

    def build(codec: ExportedCodec) -> Library:
        if codec.model_hash not in built:
            folder = generate(codec)
            shared = folder / "libedgecodec.so"
            Firmware.open(folder).build(toolchain, "host", shared, main=[], ports=["serial"],
                                        options=("-O1", "-shared", "-fPIC"))
            built[codec.model_hash] = Library(shared, codec)
        return built[codec.model_hash]

    return build
