"""The receiver's network as steps of plain loops, for the decoder in C.

``receiver.onnx`` is the one description of the network. It is walked once for one window, over NumPy arrays whose
values do not matter: an array stands for where a tensor lies in memory. So slices, transpositions, reshapes and the
choice of a regime are views and cost nothing; what remains is a handful of operations on strided views:

    copy, add, multiply, divide, sigmoid, ELU, PReLU    one value from one or two
    products                                            out[a, b, c] = addend[a, b, c] +
                                                        sum over d, e of left[a, b, d, e] * right[a, b, c, d, e]

A convolution is products of its weight and overlapping views of the padded input; a transposed one is a convolution of
the input with zeros in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.receiver import NETWORK

AXES = 5  # three of the output, two that are summed over


class Operation(IntEnum):
    """The value is in the file; ``ec_operation`` of network.c."""

    COPY = 0
    ADD = 1
    MULTIPLY = 2
    DIVIDE = 3
    SIGMOID = 4
    ELU = 5
    PRELU = 6
    PRODUCTS = 7


@dataclass(frozen=True, eq=False)
class Tensor:
    """A view of memory, of a constant or of a step's output."""

    array: NDArray[Any]
    is_constant: bool = False
    regime_stride: int = 0  # in elements: how far the next regime's values are

    @property
    def root(self) -> NDArray[Any]:
        """The whole array that this is a view of."""
        root = self.array
        while getattr(root, "base", None) is not None:
            root = root.base  # type: ignore[assignment]
        return root

    @property
    def start(self) -> int:
        """Where in the root the view begins, in elements."""
        return (_address(self.array) - _address(self.root)) // self.array.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """In elements."""
        return tuple(stride // self.array.itemsize for stride in self.array.strides)

    def viewed(self, array: NDArray[Any]) -> Tensor:
        """Another view of the same memory."""
        return Tensor(array, self.is_constant, self.regime_stride)


@dataclass(frozen=True, eq=False)
class Step:
    """Its operands have :data:`AXES` axes of equal extents; the output's stride is 0 along the two last."""

    operation: Operation
    extents: tuple[int, ...]
    operands: tuple[Tensor, Tensor, Tensor, Tensor]  # output, left, right, addend; those that are not needed are zero


@dataclass(frozen=True, eq=False)
class Network:
    steps: tuple[Step, ...]
    sums: Tensor  # [1, tokens, dimension], which the steps read
    windows: Tensor  # [1, channels, samples], which they write


ZERO = Tensor(np.zeros(1, np.float32), is_constant=True)


def receiver_steps(codec: ExportedCodec, folder: Path) -> Network:
    """The steps of the network in the receiver's ``folder``, which makes windows of sums of the codewords of ``codec``.

    Raises:
        EdgeCodecError: the network has what the decoder does not know.
    """
    graph = onnx.load(folder / NETWORK).graph
    sums = Tensor(np.empty((1, codec.quantizer.tokens, codec.quantizer.latent.channels), np.float32))
    lowering = _Lowering({each.name: Tensor(onnx.numpy_helper.to_array(each).copy(), is_constant=True)
                          for each in graph.initializer} | {"sums": sums})
    for node in graph.node:
        lowering.add(node)
    return Network(tuple(lowering.steps), sums, lowering.contiguous(lowering.tensors["windows"]))


class _Lowering:
    """Goes through the nodes of a graph; ``tensors`` are those so far, by name."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors
        self.steps: list[Step] = []

    def add(self, node: onnx.NodeProto) -> None:
        inputs = [self.tensors.get(name) for name in node.input]  # None: the regime, or an input that is left out
        known = [each for each in inputs if each is not None]
        attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type == "Shape":
            made = Tensor(np.array(known[0].array.shape), is_constant=True)
        elif len(known) == len(inputs) and all(each.is_constant and not each.regime_stride for each in known):
            (value,) = ReferenceEvaluator(node).run(
                None, {name: each.array for name, each in zip(node.input, known, strict=True)})
            made = Tensor(np.array(value), is_constant=True)
        elif node.op_type in _LOWERED:
            made = _LOWERED[node.op_type](self, attributes, *inputs)
        else:
            raise EdgeCodecError(f"receiver.onnx: {node.name}: the decoder in C has no {node.op_type}; decode with "
                                 "Python")
        self.tensors[node.output[0]] = made

    def contiguous(self, source: Tensor) -> Tensor:
        return source if source.array.flags.c_contiguous and not source.regime_stride else self.elementwise(
            Operation.COPY, source)

    def elementwise(self, operation: Operation, left: Tensor, right: Tensor = ZERO) -> Tensor:
        out = Tensor(np.empty(np.broadcast_shapes(left.array.shape, right.array.shape), np.float32))
        self.write(operation, out, left, right)
        return out

    def write(self, operation: Operation, out: Tensor, left: Tensor, right: Tensor = ZERO) -> None:
        shape = (1,) * (3 - out.array.ndim) + out.array.shape
        extents = (*shape, 1, 1)
        self._step(operation, extents, *(each.viewed(np.broadcast_to(each.array, shape)[..., None, None])
                                         for each in (out, left, right, ZERO)))

    def products(self, left: Tensor, right: Tensor, addend: Tensor = ZERO) -> Tensor:
        """Of ``left`` [a, b, 1, d, e] and ``right`` [a, b, c, d, e], either with extents of 1 instead."""
        extents = np.broadcast_shapes(left.array.shape, right.array.shape)
        out = Tensor(np.empty(extents[:3], np.float32))
        wide = (out.viewed(out.array[..., None, None]), left, right,
                addend.viewed(np.broadcast_to(addend.array, extents[:3])[..., None, None]))
        self._step(Operation.PRODUCTS, extents, *wide)
        return out

    def padded(self, source: Tensor, before: int, after: int, stride: int = 1) -> Tensor:
        """[1, rows, samples] with zeros before and after, and stride - 1 of them in between."""
        _, rows, samples = source.array.shape
        between = (samples - 1) * stride + 1
        out = Tensor(np.empty((1, rows, before + between + after), np.float32))
        self.write(Operation.COPY, out, ZERO)
        self.write(Operation.COPY, out.viewed(out.array[..., before : before + between : stride]), source)
        return out

    def convolution(self, source: Tensor, weight: Tensor, bias: Tensor, stride: int, dilation: int) -> Tensor:
        """Of [1, inputs, samples] with a weight [outputs, inputs, taps], without padding."""
        reach = (weight.array.shape[2] - 1) * dilation + 1
        seen = np.lib.stride_tricks.sliding_window_view(source.array[0], reach, axis=1)[:, ::stride, ::dilation]
        return self.products(weight.viewed(weight.array[None, :, None]),
                             source.viewed(seen.transpose(1, 0, 2)[None, None]),
                             bias.viewed(bias.array[None, :, None]))

    def _step(self, operation: Operation, extents: tuple[int, ...], *operands: Tensor) -> None:
        out, *read = operands
        wide = [each.viewed(np.broadcast_to(each.array, extents)) for each in read]
        summed = out.viewed(np.broadcast_to(out.array, extents))
        self.steps.append(Step(operation, extents, (summed, *wide)))  # type: ignore[arg-type]


def _slice(lowering: _Lowering, attributes: Mapping[str, Any], source: Tensor, starts: Tensor, ends: Tensor,
           axes: Tensor, steps: Tensor) -> Tensor:
    selected = [slice(None)] * source.array.ndim
    for start, end, axis, step in zip(*(each.array.tolist() for each in (starts, ends, axes, steps)), strict=True):
        selected[axis] = slice(start, end, step)
    return source.viewed(source.array[tuple(selected)])


def _gather(lowering: _Lowering, attributes: Mapping[str, Any], source: Tensor, which: Tensor | None) -> Tensor:
    axis = attributes.get("axis", 0)
    if which is not None:
        return source.viewed(source.array[(slice(None),) * axis + (int(which.array),)])
    return Tensor(source.array[:1], source.is_constant, source.array.strides[0] // source.array.itemsize)


def _reshape(lowering: _Lowering, attributes: Mapping[str, Any], source: Tensor, shape: Tensor) -> Tensor:
    whole = lowering.contiguous(source)
    return whole.viewed(whole.array.reshape(shape.array.tolist()))


def _squeeze(lowering: _Lowering, attributes: Mapping[str, Any], source: Tensor, axes: Tensor) -> Tensor:
    return source.viewed(np.squeeze(source.array, tuple(axes.array.tolist())))


def _unsqueeze(lowering: _Lowering, attributes: Mapping[str, Any], source: Tensor, axes: Tensor) -> Tensor:
    return source.viewed(np.expand_dims(source.array, tuple(axes.array.tolist())))


def _transpose(lowering: _Lowering, attributes: Mapping[str, Any], source: Tensor) -> Tensor:
    return source.viewed(source.array.transpose(attributes["perm"]))


def _concat(lowering: _Lowering, attributes: Mapping[str, Any], *parts: Tensor) -> Tensor:
    axis = attributes["axis"]
    shape = list(parts[0].array.shape)
    shape[axis] = sum(part.array.shape[axis] for part in parts)
    out = Tensor(np.empty(shape, np.float32))
    ends = np.cumsum([part.array.shape[axis] for part in parts])
    for part, target in zip(parts, np.split(out.array, ends[:-1], axis), strict=True):
        lowering.write(Operation.COPY, out.viewed(target), part)
    return out


def _pad(lowering: _Lowering, attributes: Mapping[str, Any], source: Tensor, pads: Tensor, *value: Tensor) -> Tensor:
    before, after = pads.array.reshape(2, -1)[:, -1].tolist()
    return lowering.padded(source, before, after) if before or after else source


def _matmul(lowering: _Lowering, attributes: Mapping[str, Any], left: Tensor, right: Tensor) -> Tensor:
    wide = right.array if right.array.ndim == 3 else right.array[None]
    return lowering.products(left.viewed(left.array[:, :, None, :, None]),
                             right.viewed(wide.transpose(0, 2, 1)[:, None, :, :, None]))


def _gemm(lowering: _Lowering, attributes: Mapping[str, Any], left: Tensor, right: Tensor, bias: Tensor) -> Tensor:
    weight = right.array.T if attributes.get("transB", 0) else right.array  # [inputs, outputs]
    by_input = Tensor(np.ascontiguousarray(weight), is_constant=True)  # so that the inner loop runs along memory
    made = lowering.products(left.viewed(left.array[None, :, None, :, None]),
                             by_input.viewed(by_input.array.T[None, None, :, :, None]),
                             bias.viewed(bias.array[None, None]))
    return made.viewed(made.array[0])


def _einsum(lowering: _Lowering, attributes: Mapping[str, Any], source: Tensor, weight: Tensor) -> Tensor:
    if attributes["equation"] != b"nct,cst->ncs":
        raise EdgeCodecError(f"receiver.onnx: the decoder in C has no Einsum {attributes['equation'].decode()}; decode "
                             "with Python")
    by_input = Tensor(weight.array.transpose(0, 2, 1).copy(), is_constant=True)  # [channels, inputs, outputs]
    made = lowering.products(source.viewed(source.array[0][:, None, None, :, None]),
                             by_input.viewed(by_input.array.transpose(0, 2, 1)[:, None, :, :, None]))
    return made.viewed(made.array.transpose(1, 0, 2))


def _conv(lowering: _Lowering, attributes: Mapping[str, Any], source: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    (stride,), (dilation,) = attributes["strides"], attributes["dilations"]
    return lowering.convolution(source, weight, bias, stride, dilation)


def _conv_transpose(lowering: _Lowering, attributes: Mapping[str, Any], source: Tensor, weight: Tensor,
                    bias: Tensor) -> Tensor:
    (stride,), beyond = attributes["strides"], weight.array.shape[2] - 1
    turned = Tensor(weight.array[..., ::-1].transpose(1, 0, 2).copy(), is_constant=True)  # [outputs, inputs, taps]
    return lowering.convolution(lowering.padded(source, beyond, beyond, stride), turned, bias, 1, 1)


def _elementwise(operation: Operation) -> Callable[..., Tensor]:
    return lambda lowering, attributes, *inputs: lowering.elementwise(operation, *inputs)


_LOWERED: Mapping[str, Callable[..., Tensor]] = {
    "Slice": _slice, "Gather": _gather, "Reshape": _reshape, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze,
    "Transpose": _transpose, "Concat": _concat, "Pad": _pad, "MatMul": _matmul, "Gemm": _gemm, "Einsum": _einsum,
    "Conv": _conv, "ConvTranspose": _conv_transpose, "Add": _elementwise(Operation.ADD),
    "Mul": _elementwise(Operation.MULTIPLY), "Div": _elementwise(Operation.DIVIDE),
    "Sigmoid": _elementwise(Operation.SIGMOID), "Elu": _elementwise(Operation.ELU),
    "PRelu": _elementwise(Operation.PRELU)}


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
