"""Which recordings train and which validate: the last of them, or those of the last values of a label."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgecodec.data.folders import natural
from edgecodec.data.labels import Labels
from edgecodec.data.recordings import Split
from edgecodec.errors import EdgeCodecError
from edgecodec.params import ArrayParams


def splits_of(names: Sequence[str], labelled: Sequence[Labels], params: ArrayParams) -> list[Split]:
    """What each recording, in order, is for. No value of the label ``params.split_by`` is on both sides.

    Raises:
        EdgeCodecError: a recording has no such label, all have the same value, or ``params.validating`` names values
            that no recording has, or all of them.
    """
    label = params.split_by
    if label is None and len(names) == 1:
        return ["both"]
    if label is None:
        training = len(names) - _last_of(len(names), params.validation_fraction)
        return ["train" if number < training else "validation" for number in range(len(names))]
    for name, labels in zip(names, labelled, strict=True):
        if label not in labels:
            raise EdgeCodecError(f"params.yaml: data.array.split_by: recording {name} has no label {label} (it has "
                                 f"{', '.join(labels) or 'none'}); give it one, or correct data.array")
    values = sorted({labels[label] for labels in labelled}, key=natural)
    if len(values) == 1:
        raise EdgeCodecError(f"params.yaml: data.array.split_by: every recording has {label} {values[0]}, so that none "
                             "is left to validate; take another label, or null")
    unknown = sorted(set(params.validating) - set(values))
    if unknown:
        raise EdgeCodecError(f"params.yaml: data.array.validating: no recording has {label} {unknown[0]}; there are "
                             f"{', '.join(values[:20])}")
    validating = set(params.validating or values[-_last_of(len(values), params.validation_fraction):])
    if len(validating) == len(values):
        raise EdgeCodecError(f"params.yaml: data.array.validating: names every {label}, so that none is left to train; "
                             "name fewer")
    return ["validation" if labels[label] in validating else "train" for labels in labelled]


def _last_of(count: int, fraction: float) -> int:
    """How many of ``count`` validate; one trains, whatever ``fraction`` says."""
    return min(count - 1, math.ceil(fraction * count))
