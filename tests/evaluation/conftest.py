"""The rivals, as they learned from windows of the small twin, beside a codec that was trained on them."""

import pytest

from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.rate_distortion import CODEC, Comparison, budgets_around, compare
from edgecodec.evaluation.rivals.cosine import coefficients_in_band
from edgecodec.evaluation.rivals.lineup import NAMES, fit_rivals
from edgecodec.evaluation.rivals.rival import Rival
from edgecodec.model.codec import Codec


@pytest.fixture(scope="session")
def band(train: WindowSet) -> int:
    return coefficients_in_band(train.samples, train.sample_rate_hz, train.lowpass_hz)


@pytest.fixture(scope="session")
def rivals(codec: Codec, train: WindowSet, band: int) -> list[Rival]:
    """Fitted to the bits of the small codec, and to some below and above."""
    return fit_rivals(NAMES, train.targets(), band, budgets_around([codec.bits(rate) for rate in codec.rates]))


@pytest.fixture(scope="session")
def comparison(codec: Codec, rivals: list[Rival], validation: WindowSet) -> Comparison:
    return compare({CODEC: codec}, rivals, validation.inputs(), validation.targets(), validation.groups("wind"),
                   "Comparing")
