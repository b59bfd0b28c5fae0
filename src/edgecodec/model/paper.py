"""The networks of the EdgeCodec paper (arXiv 2507.06040), layer by layer as its public code builds them.

    encoder [36, 800] > [9, 100]: 30,366 parameters        decoder [9, 100] > [36, 800]: 3,061,729 parameters

The public code registers every convolution twice and counts 58,095 encoder parameters; the second copies are dead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgecodec.model.kind import Floats, Kind, Parts, WindowFormat
from edgecodec.model.regimes import RegimeQuantizer
from edgecodec.params import CodebookParams, PaperParams

LATENT_SAMPLES_PER_WINDOW_SAMPLE = 8  # three strides of 2


class SameConv(nn.Conv1d):
    """Convolution that keeps the length (divided by the stride): pads d(k-1)//2 zeros before, the rest after."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, dilation=dilation)
        total = dilation * (kernel - 1)
        self.pad_left, self.pad_right = total // 2, total - total // 2

    def forward(self, x: Tensor) -> Tensor:  # [n, inputs, t]
        return super().forward(F.pad(x, (self.pad_left, self.pad_right)))  # [n, outputs, t / stride]


class ResidualUnit(nn.Module):
    """x + conv1(PReLU(conv5(x))), the inner convolution dilated."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.wide = SameConv(channels, channels, 5, dilation=dilation)
        self.activation = nn.PReLU()
        self.narrow = SameConv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:  # [n, channels, t]
        return cast(Tensor, x + self.narrow(self.activation(self.wide(x))))  # [n, channels, t]


class EncoderBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.unit = ResidualUnit(inputs, dilation=3)
        self.unit_activation = nn.PReLU()
        self.down = SameConv(inputs, outputs, 2 * stride, stride)
        self.down_activation = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:  # [n, inputs, t]
        x = self.unit_activation(self.unit(x))  # [n, inputs, t]
        return cast(Tensor, self.down_activation(self.down(x)))  # [n, outputs, t / stride]


class PaperEncoder(nn.Module):
    """Normalised window [n, channels, 800] to latent [n, 9, 100]: nine tokens of a hundred samples."""

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__()
        self.latent_channels = latent_channels
        self.first = SameConv(channels, 36, 7)
        self.first_activation = nn.PReLU()
        self.blocks = nn.ModuleList(
            EncoderBlock(inputs, outputs, stride)
            for inputs, outputs, stride in ((36, 24, 1), (24, 20, 2), (20, 16, 2), (16, 12, 2))
        )
        self.last = SameConv(12, latent_channels, 1)

    def forward(self, x: Tensor) -> Tensor:  # [n, channels, 800]
        x = self.first_activation(self.first(x))  # [n, 36, 800]
        for block in self.blocks:
            x = block(x)  # [n, 24, 800] > [n, 20, 400] > [n, 16, 200] > [n, 12, 100]
        return cast(Tensor, self.last(x))  # [n, 9, 100]


class ChannelwiseLinear(nn.Module):
    """One full linear layer over time for every channel: where 97 % of the decoder's parameters are."""

    def __init__(self, channels: int, samples: int) -> None:
        super().__init__()
        bound = samples**-0.5  # as torch.nn.Linear initialises
        self.weight = nn.Parameter(torch.empty(channels, samples, samples).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels, samples).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:  # [n, channels, samples]
        return torch.einsum("nct,cst->ncs", x, self.weight) + self.bias  # [n, channels, samples]


class CroppedTransposedConv(nn.ConvTranspose1d):
    """Transposed convolution of kernel 2s and stride s that drops its first input sample to give ``t * s`` samples.

    Dropping there costs accuracy at the window's start; it is kept because this is the paper's decoder.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, 2 * stride, stride=stride)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:  # [n, inputs, t]
        return super().forward(x[..., 1:], output_size)  # [n, outputs, t * stride]


class DecoderBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.up = CroppedTransposedConv(inputs, outputs, stride)
        self.units = nn.ModuleList(ResidualUnit(outputs, dilation) for dilation in (1, 3, 9))

    def forward(self, x: Tensor) -> Tensor:  # [n, inputs, t]
        x = self.up(x)  # [n, outputs, t * stride]
        for unit in self.units:
            x = unit(F.elu(x))  # [n, outputs, t * stride]
        return x


class PaperDecoder(nn.Module):
    """Quantized latent [n, 9, 100] to normalised window [n, channels, 800]."""

    def __init__(self, channels: int, latent_channels: int, samples: int) -> None:
        super().__init__()
        latent_samples = samples // LATENT_SAMPLES_PER_WINDOW_SAMPLE
        self.latent_linear = ChannelwiseLinear(latent_channels, latent_samples)
        self.first = SameConv(latent_channels, 12, 1)
        self.before = nn.ModuleList((DecoderBlock(12, 15, 2), DecoderBlock(15, 18, 2)))
        self.middle_linear = ChannelwiseLinear(18, 4 * latent_samples)
        self.dropout = nn.Dropout(0.5)
        self.after = nn.ModuleList(
            DecoderBlock(inputs, outputs, stride)
            for inputs, outputs, stride in ((18, 22, 2), (22, 26, 1), (26, 30, 1), (30, 36, 1))
        )
        self.last = SameConv(36, channels, 3)

    def forward(self, z: Tensor) -> Tensor:  # [n, 9, 100]
        x = self.first(F.elu(self.latent_linear(z)))  # [n, 12, 100]
        x = F.elu(x)
        for block in self.before:
            x = block(x)  # [n, 15, 200] > [n, 18, 400]
        x = self.dropout(F.elu(self.middle_linear(x)))  # [n, 18, 400]
        for block in self.after:
            x = block(x)  # [n, 22, 800] > [n, 26, 800] > [n, 30, 800] > [n, 36, 800]
        return cast(Tensor, self.last(x))  # [n, channels, 800]


@torch.no_grad()
def start_linear(module: nn.Module) -> None:
    """Let the networks start near one linear map that loses little: for :meth:`torch.nn.Module.apply`.

    Torch's own random weights, forty layers in a row, pass so little of a window that training first spends hundreds
    of steps on passing anything. Here convolutions start orthogonal across channels (Xiao et al., arXiv 1806.05393):
    the middle tap if they keep the length, the mean of all taps if they change it; residual branches start silent
    (Zhang et al., arXiv 1901.09321); linear layers over time start at the identity. A tenth of torch's random weights
    stays, so that no two weights are alike.
    """
    if isinstance(module, SameConv | CroppedTransposedConv | ChannelwiseLinear):
        module.weight.mul_(0.1)
        module.bias.zero_()  # type: ignore[union-attr]
    if isinstance(module, SameConv):
        taps = module.kernel_size[0]
        matrix = nn.init.orthogonal_(torch.empty(module.out_channels, module.in_channels))
        if module.stride[0] == 1:
            module.weight[:, :, (taps - 1) // 2].add_(matrix)
        else:
            module.weight.add_(matrix[..., None] / taps)
    elif isinstance(module, CroppedTransposedConv):
        matrix = nn.init.orthogonal_(torch.empty(module.in_channels, module.out_channels))
        module.weight.add_(matrix[..., None] / 2)  # two taps reach every output sample
    elif isinstance(module, ChannelwiseLinear):
        module.weight.add_(torch.eye(module.weight.shape[-1]))
    elif isinstance(module, ResidualUnit):
        module.narrow.weight.zero_()


class Discriminator(nn.Module):
    """One logit per normalised window: does it look recorded or rebuilt?  1,240,257 parameters at 36 channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList((
            nn.Conv1d(channels, 64, 15, padding=7),
            nn.Conv1d(64, 128, 7, stride=2, padding=3),
            nn.Conv1d(128, 256, 7, stride=2, padding=3),
            nn.Conv1d(256, 512, 7, stride=2, padding=3),
        ))
        self.logit = nn.Linear(512, 1)

    def forward(self, x: Tensor) -> Tensor:  # [n, channels, 800]
        for convolution in self.convolutions:
            x = F.leaky_relu(convolution(x), 0.2)  # [n, 64, 800] > [n, 128, 400] > [n, 256, 200] > [n, 512, 100]
        return cast(Tensor, self.logit(x.mean(dim=-1)))  # [n, 1]


def _build(window: WindowFormat, sizes: PaperParams, codebooks: CodebookParams) -> Parts:
    encoder = PaperEncoder(window.channels, sizes.latent_channels)
    decoder = PaperDecoder(window.channels, sizes.latent_channels, window.samples)
    dimension = window.samples // LATENT_SAMPLES_PER_WINDOW_SAMPLE  # a codeword is a whole token
    quantizer = RegimeQuantizer(
        1, dimension, dimension, sizes.codewords, tuple(range(1, sizes.rates + 1)), codebooks.ema_decay,
        codebooks.dead_codeword_threshold, codebooks.codebook_iterations, rotated=False)
    return Parts(encoder, decoder, quantizer, sizes.latent_channels)


def _start(encoder: nn.Module, decoder: nn.Module, draw: Callable[[], tuple[Floats, Floats]]) -> dict[str, float]:
    for network in (encoder, decoder):
        network.apply(start_linear)
    return {}


KIND = Kind(PaperParams, _build, _start)
