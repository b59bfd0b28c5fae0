"""Windows of integer counts [channels, samples]: of a sensor, and of every other kind."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from edgecodec.packets.counts import COUNT_MAX

COUNTS = arrays.arrays(np.int32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=10), elements=st.one_of(
    st.integers(4_000_000, 4_000_100), st.integers(-COUNT_MAX, COUNT_MAX),
    st.sampled_from([0, COUNT_MAX, -COUNT_MAX])))


def noisy_counts(seed: int, slope: float, noise: float, channels: int = 4, samples: int = 120) -> NDArray[np.int32]:
    """About 4 million, with a slope per sample."""
    generator = np.random.default_rng(seed)
    course = 4e6 + slope * np.arange(samples) + 1000 * np.arange(channels)[:, np.newaxis]
    return np.rint(course + noise * generator.normal(size=course.shape)).astype(np.int32)
