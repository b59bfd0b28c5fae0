"""The C API through ctypes."""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_float,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint16,
    c_uint32,
    c_void_p,
)
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec.deploy.golden import CHANNELS_MAX, RATES_MAX
from edgecodec.deploy.memory import ALIGNMENT
from edgecodec.packets.indices import Indices
from edgecodec.packets.link import Link
from edgecodec.packets.network import ExportedCodec

LINKS = (Link.RADIO, Link.CHECKED)
NAMES = ("OK", "NULL", "ALIGNMENT", "ARENA", "MODEL", "CONTEXT", "TEAM", "RATE", "WINDOW", "OVERFLOW", "INDEX",
         "CAPACITY", "CODED", "REMARKS", "BOUND", "INTAKE", "PACKET", "SHAPE", "SIZE")


class Context(Structure):
    _fields_ = (("arena", c_void_p), ("weights", c_void_p), ("codebooks", c_void_p), ("observer", c_void_p))


class Team(Structure):
    _fields_ = (("worker", c_uint32), ("workers", c_uint32), ("barrier", c_void_p), ("fetch", c_void_p),
                ("port", c_void_p))


class Model(Structure):
    _fields_ = (("codec", c_char_p), ("shape_hash", c_char_p), ("samples", c_uint32), ("channels", c_uint32),
                ("tokens", c_uint32), ("regimes", c_uint32), ("stages", c_uint32), ("rates", c_uint32),
                ("stages_of_rate", POINTER(c_uint16)), ("layers", c_uint32), ("coded_words", c_uint32),
                ("makes_remarks", c_bool))


class Intake(Structure):
    _fields_ = (("weights", c_void_p), ("memory", c_void_p), ("samples", c_uint32), ("held", c_uint32),
                ("outputs", c_uint32), ("finite", c_bool))


class Series(Structure):
    _fields_ = (("weights", c_void_p), ("codebooks", c_void_p), ("memory", c_void_p), ("frame", c_void_p),
                ("capacity", c_size_t), ("link", c_uint32), ("rate", c_uint32), ("sequence", c_uint16),
                ("windows", c_uint32))


class RemarksOnNode(Structure):
    _fields_ = (("error_percent", c_float * RATES_MAX), ("nmse_percent", c_float * RATES_MAX), ("margin", c_float),
                ("unlike", c_float),
                ("faulty_channels", c_uint32), ("faulty", c_uint8 * (CHANNELS_MAX // 8)))


class Library:
    """One codec's firmware. Statuses are given by name."""

    def __init__(self, path: Path, codec: ExportedCodec) -> None:
        self.functions = ctypes.CDLL(str(path))
        self.functions.ec_arena_size.restype = c_size_t
        self.functions.ec_packet_size.restype = c_size_t
        self.functions.ec_coded_packet_size.restype = c_size_t
        self.functions.ec_escape_packet_size.restype = c_size_t
        self.functions.ec_exact_packet_size.restype = c_size_t
        self.functions.ec_frame_size.restype = c_size_t
        self.functions.ec_series_size.restype = c_size_t
        self.functions.ec_intake_size.restype = c_size_t
        self.functions.ec_intake_is_full.restype = c_bool
        self.functions.ec_model_info.restype = POINTER(Model)
        self.functions.ec_layer_name.restype = c_char_p
        self.functions.ec_serial_team.restype = Team
        self.codec = codec
        mark = codec.model_hash[:16]
        self.weights = ctypes.addressof(c_uint8.in_dll(self.functions, f"codec_weights_{mark}"))
        self.codebooks = ctypes.addressof(c_uint8.in_dll(self.functions, f"codec_codebooks_{mark}"))
        self.sizes = tuple(c_uint32.from_address(blob + 4).value for blob in (self.weights, self.codebooks))
        self.arena_bytes: int = self.functions.ec_arena_size()
        self._arena = np.zeros(self.arena_bytes + 2 * ALIGNMENT, np.uint8)
        self.arena = -(-self._arena.ctypes.data // ALIGNMENT) * ALIGNMENT
        self.intake_memory = np.zeros(self.functions.ec_intake_size() // 4 + 1, np.uint32)

    @property
    def model(self) -> Model:
        return self.functions.ec_model_info().contents

    def team(self) -> Team:
        return self.functions.ec_serial_team()

    def init(self, context: Context | None, arena: int | None, arena_bytes: int, weights: int | None,
             codebooks: int | None, checked: bool = True, sizes: tuple[int, int] | None = None) -> str:
        function = self.functions.ec_init if checked else self.functions.ec_init_unchecked
        weights_bytes, codebooks_bytes = self.sizes if sizes is None else sizes
        return NAMES[function(context and ctypes.byref(context), c_void_p(arena), c_size_t(arena_bytes),
                              c_void_p(weights), c_size_t(weights_bytes), c_void_p(codebooks),
                              c_size_t(codebooks_bytes))]

    def ready(self) -> Context:
        context = Context()
        assert self.init(context, self.arena, self.arena_bytes, self.weights, self.codebooks) == "OK"
        return context

    def coded_packet_size(self, rate: int) -> int:
        return int(self.functions.ec_coded_packet_size(ctypes.byref(self.ready()), c_uint32(rate)))

    def encode(self, context: Context | None, team: Team | None, window: NDArray[np.float32] | None, rate: int,
               indices: NDArray[np.uint16] | None, coded: bool = False, remarks: RemarksOnNode | None = None) -> str:
        function = self.functions.ec_encode_coded if coded else self.functions.ec_encode
        return NAMES[function(
            context and ctypes.byref(context), team and ctypes.byref(team), _pointer(window, c_float), c_uint32(rate),
            _pointer(indices, c_uint16), remarks and ctypes.byref(remarks))]

    def begin_intake(self, intake: Intake | None, context: Context | None, memory: int | None, size: int) -> str:
        return NAMES[self.functions.ec_begin_intake(intake and ctypes.byref(intake), context and ctypes.byref(context),
                                                    c_void_p(memory), c_size_t(size))]

    def open_intake(self, context: Context) -> Intake:
        intake = Intake()
        memory = self.intake_memory
        assert self.begin_intake(intake, context, memory.ctypes.data, self.functions.ec_intake_size()) == "OK"
        return intake

    def push(self, intake: Intake | None, sample: NDArray[np.float32] | None) -> str:
        return NAMES[self.functions.ec_push(intake and ctypes.byref(intake), _pointer(sample, c_float))]

    def push_counts(self, intake: Intake | None, counts: NDArray[np.int32] | None, unit: float) -> str:
        return NAMES[self.functions.ec_push_counts(intake and ctypes.byref(intake), _pointer(counts, c_int32),
                                                   c_float(unit))]

    def is_full(self, intake: Intake) -> bool:
        return bool(self.functions.ec_intake_is_full(ctypes.byref(intake)))

    def encode_intake(self, context: Context | None, team: Team | None, intake: Intake | None, rate: int,
                      indices: NDArray[np.uint16] | None, coded: bool = False,
                      remarks: RemarksOnNode | None = None) -> str:
        function = self.functions.ec_encode_intake_coded if coded else self.functions.ec_encode_intake
        return NAMES[function(
            context and ctypes.byref(context), team and ctypes.byref(team), intake and ctypes.byref(intake),
            c_uint32(rate), _pointer(indices, c_uint16), remarks and ctypes.byref(remarks))]

    def rate_within(self, remarks: RemarksOnNode | None, bound_percent: float, rate: int) -> tuple[str, int]:
        within = c_uint32(0)
        status = NAMES[self.functions.ec_rate_within(remarks and ctypes.byref(remarks), c_float(bound_percent),
                                                     c_uint32(rate), ctypes.byref(within))]
        return status, within.value

    def pack(self, rate: int, sequence: int, indices: NDArray[np.uint16] | None, capacity: int,
             remarks: RemarksOnNode | None = None, context: Context | None = None) -> tuple[str, bytes]:
        packet = np.full(capacity + 8, 0xEE, np.uint8)
        size = c_size_t(12345)
        status = NAMES[self.functions.ec_pack(
            ctypes.byref(context or self.ready()), c_uint32(rate), c_uint16(sequence), _pointer(indices, c_uint16),
            remarks and ctypes.byref(remarks), _pointer(packet, c_uint8), c_size_t(capacity), ctypes.byref(size))]
        assert (packet[capacity:] == 0xEE).all()
        return status, packet[: size.value].tobytes()

    def frame(self, link: Link, packet: bytes, capacity: int, in_place: bool = False) -> tuple[str, bytes]:
        source = np.frombuffer(packet + bytes(8), np.uint8).copy()
        frame = source if in_place else np.full(capacity + 8, 0xEE, np.uint8)
        size = c_size_t(12345)
        status = NAMES[self.functions.ec_frame(
            ctypes.byref(self.ready()), c_uint32(LINKS.index(link)), _pointer(source, c_uint8), c_size_t(len(packet)),
            _pointer(frame, c_uint8), c_size_t(capacity), ctypes.byref(size))]
        assert in_place or (frame[capacity:] == 0xEE).all()
        return status, frame[: size.value].tobytes()

    def begin_series(self, series: Series | None, link: Link, rate: int, sequence: int,
                     memory: NDArray[np.uint64] | None, frame: NDArray[np.uint8] | None, capacity: int,
                     memory_bytes: int | None = None, misplaced: int = 0) -> str:
        size = self.functions.ec_series_size() if memory_bytes is None else memory_bytes
        at = None if memory is None else memory.ctypes.data + misplaced
        return NAMES[self.functions.ec_begin_series(
            series and ctypes.byref(series), ctypes.byref(self.ready()), c_uint32(LINKS.index(link)),
            c_uint32(rate), c_uint16(sequence), c_void_p(at), c_size_t(size), _pointer(frame, c_uint8),
            c_size_t(capacity))]

    def add_to_series(self, series: Series | None, indices: NDArray[np.uint16] | None,
                      remarks: RemarksOnNode | None, held: int) -> tuple[str, int]:
        """Of a frame of ``held`` bytes."""
        size = c_size_t(held)
        status = NAMES[self.functions.ec_add_to_series(
            series and ctypes.byref(series), _pointer(indices, c_uint16), remarks and ctypes.byref(remarks),
            ctypes.byref(size))]
        return status, size.value

    def pack_coded(self, context: Context | None, rate: int, sequence: int, indices: NDArray[np.uint16] | None,
                   capacity: int, remarks: RemarksOnNode | None = None) -> tuple[str, bytes]:
        packet = np.full(capacity + 8, 0xEE, np.uint8)
        size = c_size_t(0)
        status = NAMES[self.functions.ec_pack_coded(
            context and ctypes.byref(context), c_uint32(rate), c_uint16(sequence), _pointer(indices, c_uint16),
            remarks and ctypes.byref(remarks), _pointer(packet, c_uint8), c_size_t(capacity), ctypes.byref(size))]
        assert (packet[capacity:] == 0xEE).all()
        return status, packet[: size.value].tobytes()


    def pack_escape(self, context: Context | None, bound: float, sequence: int, remarks: RemarksOnNode | None,
                    capacity: int) -> tuple[str, bytes]:
        packet = np.full(capacity + 8, 0xEE, np.uint8)
        size = c_size_t(0)
        status = NAMES[self.functions.ec_pack_escape(
            context and ctypes.byref(context), c_float(bound), c_uint16(sequence), remarks and ctypes.byref(remarks),
            _pointer(packet, c_uint8), c_size_t(capacity), ctypes.byref(size))]
        assert (packet[capacity:] == 0xEE).all()
        return status, packet[: size.value].tobytes()


    def pack_exact(self, counts: NDArray[np.int32] | None, unit: float, sequence: int,
                   capacity: int) -> tuple[str, bytes]:
        packet, scratch = np.full(capacity + 8, 0xEE, np.uint8), np.full(self.codec.channels + 1, 0xEE, np.uint16)
        size = c_size_t(0)
        status = NAMES[self.functions.ec_pack_exact(
            ctypes.byref(self.ready()), _pointer(counts, c_int32), c_float(unit), c_uint16(sequence),
            _pointer(scratch, c_uint16), _pointer(packet, c_uint8), c_size_t(capacity), ctypes.byref(size))]
        assert (packet[capacity:] == 0xEE).all()
        assert scratch[-1] == 0xEE
        return status, packet[: size.value].tobytes()


def as_on_node(indices: Indices) -> NDArray[np.uint16]:
    """One window's: its regime, then its words."""
    return np.concatenate([[indices.regime], indices.words.ravel()]).astype(np.uint16)


def _pointer(array: NDArray[np.generic] | None, element: type) -> object:
    return None if array is None else array.ctypes.data_as(POINTER(element))
