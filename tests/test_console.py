"""Tables in pipes keep their words whole."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
from rich.table import Table
from edgecodec.console import standard_output
table = Table(*(f"heading {number}" for number in range(12)))
table.add_row(*(f"value {number}" for number in range(12)))
standard_output().print(table)
"""


@pytest.mark.parametrize(("columns", "whole"), [({}, True), ({"COLUMNS": "60"}, False)])
def test_a_table_in_a_pipe_is_wide_unless_columns_says_otherwise(columns: dict[str, str], whole: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | columns
    printed = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True,
                             check=True).stdout
    assert ("heading 11" in printed) == whole
