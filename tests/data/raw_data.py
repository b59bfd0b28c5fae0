"""A small copy of the AeroSense raw layout, to be damaged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from edgecodec import aerosense


@dataclass(frozen=True)
class RawData:
    """A folder as a user would hold it: one zeroing run, three repeats at 10 m/s, one zeroing run."""

    folder: Path

    @property
    def labbook(self) -> Path:
        return self.folder / aerosense.LABBOOK_NAMES[0]

    def recording(self, experiment: int) -> Path:
        return self.folder / aerosense.RAW_FOLDER / aerosense.raw_name(0, experiment)

    def lines(self, experiment: int) -> list[str]:
        return self.recording(experiment).read_text().splitlines()

    def write_lines(self, experiment: int, lines: list[str]) -> None:
        self.recording(experiment).write_text("".join(line + "\n" for line in lines))

    def table(self, experiment: int) -> pd.DataFrame:
        return pd.read_csv(self.recording(experiment), header=None)

    def write_table(self, experiment: int, table: pd.DataFrame) -> None:
        table.to_csv(self.recording(experiment), header=False, index=False)

    def edit_labbook(self, **rows: object) -> None:
        """Change cells of experiment 4's line."""
        labbook = pd.read_csv(self.labbook)
        for column, value in rows.items():
            labbook.loc[labbook["Experiment_number"] == 4, column] = value
        labbook.to_csv(self.labbook, index=False)
