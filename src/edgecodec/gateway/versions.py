"""Versions of the model, wherever they come from, found by the model id that a packet carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from edgecodec.packets.decoder import PacketDecoder


@dataclass(frozen=True, eq=False)
class VersionDecoder:
    """One version, loaded."""

    version: str
    packets: PacketDecoder  # what it is made of
    decode: Callable[[Sequence[bytes]], pd.DataFrame]  # to a row for each packet; refuses all for a damaged one


class Decoders(Protocol):
    """Looks versions up and keeps those that were needed.

    Nodes with old firmware send packets of old versions.
    """

    def refresh(self) -> None:
        """Look up which versions there are now.

        Raises:
            EdgeCodecError: that cannot be told, or one must not be used.
        """

    def model_id(self, version: str) -> bytes | None:
        """None: there is no such version."""

    def of(self, model_id: bytes) -> VersionDecoder | str:
        """The version that decodes packets of ``model_id``; or why none does: it is not there, or not sound.

        Raises:
            EdgeCodecError: the registry cannot be reached.
        """

    def version(self, version: str) -> VersionDecoder | str:
        """A version by its number; or why it does not decode.

        Raises:
            EdgeCodecError: the registry cannot be reached.
        """
