"""Windows of cosine bins [channels, bins], float16: like a sensor array's, and of every other kind."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

_FINITE = st.floats(width=16, allow_nan=False, allow_infinity=False)
WINDOWS = arrays.arrays(
    np.float16, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.one_of(_FINITE, st.floats(-4, 4, width=16), st.sampled_from([0.0, -0.0, 6e-8, 65504.0, -65504.0])),
    fill=st.one_of(st.just(0.0), _FINITE))


def correlated_window(seed: int, channels: int = 36, bins: int = 88) -> NDArray[np.float16]:
    """Neighbouring channels are alike, and what is left at high frequencies is little."""
    generator = np.random.default_rng(seed)
    steps = generator.normal(size=(channels, bins)) * 0.3
    steps[0] *= 5
    return (30 * steps.cumsum(axis=0) * np.exp(-0.3 * np.arange(bins))).astype(np.float16)
