"""The picture of a design: spectrum and bands, and how the bits are spent."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecodec.design.design import KINDS, Design
from edgecodec.design.estimate import EFFICIENCY
from edgecodec.evaluation.style import ACCENT, COOL, FAINT, GREY, figure
from edgecodec.evaluation.water_filling import GaussianClass

COMPONENTS = 160  # that are shown at most


def draw_design(path: Path, design: Design) -> None:
    """Left: energy by frequency in every regime, and the bands' modes. Right: bits by principal component."""
    evidence = design.estimator.evidence
    frequency = np.arange(1, evidence.bins) * evidence.bin_hz
    energy = np.square(evidence.moving).mean(axis=2)  # [n, bins]
    kind = design.kinds.get(design.codec)
    bands = () if kind is None else KINDS[design.codec].bands(kind.layout.sizes)
    with figure(path, 9.5, 3.4) as drawn:
        spectrum, bits = drawn.subplots(1, 2)
        for regime in range(evidence.regimes):
            spectrum.plot(frequency, energy[evidence.regime == regime].mean(axis=0), color=COOL,
                          alpha=1 - 0.7 * regime / evidence.regimes)
        spectrum.set(yscale="log", xlabel="Hz", ylabel="energy of a cosine bin", title="Spectrum and bands")
        if bands:
            modes = spectrum.twinx()
            for first, end, count in bands:
                modes.fill_between([first * evidence.bin_hz, end * evidence.bin_hz], count, color=ACCENT, alpha=0.15,
                                   linewidth=0)
            modes.set(ylabel="spatial modes", ylim=(0, None))
            modes.grid(visible=False)
        rotated, _ = design.estimator.structured(bands or ((1, evidence.bins, 1),))
        latents = np.concatenate((evidence.means, rotated[:, :COMPONENTS]), axis=1)
        classes = [GaussianClass.fit(latents[evidence.regime == regime]) for regime in range(evidence.regimes)]
        for each, colour in ((design.bits[0], ACCENT), (design.bits[-1], GREY)):
            spent = sum(evidence.share(regime) * found.component_bits(EFFICIENCY * each)[::-1]
                        for regime, found in enumerate(classes))
            bits.step(np.arange(1, 1 + latents.shape[1]), spent, color=colour, label=f"{each:g} bits", where="mid")
        bits.axhline(0, color=FAINT, linewidth=0.8)
        bits.set(xlabel="principal component", ylabel="bits", title="Bits by coefficient")
        bits.legend()
