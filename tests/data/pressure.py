"""Pressure coefficients by their definition, to hold the pipeline's against."""

import numpy as np
from numpy.typing import NDArray

from edgecodec import aerosense


def pressure_coefficient(counts: NDArray[np.generic], zero_pascals: NDArray[np.floating],
                         wind: float) -> NDArray[np.float64]:
    """Cp [channels, samples] of counts [channels, samples], given the zeroing reference [channels] in Pa."""
    pascals = counts * aerosense.PASCALS_PER_COUNT - zero_pascals[:, None]
    return np.asarray(pascals / aerosense.dynamic_pressure(wind))
