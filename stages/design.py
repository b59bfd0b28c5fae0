"""Stage design: sizes of the codec that params.yaml leaves auto, from training windows and the budget."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from edgecodec.artifacts import ARTIFACTS, DESIGN, TRAIN_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.design.design import make_design
from edgecodec.design.plots import draw_design
from edgecodec.design.table import reasons_table
from edgecodec.designed import FILE_NAME
from edgecodec.params import load_params
from edgecodec.storage import replacing_directory, write_json, write_text


def main() -> None:
    params = load_params()
    design = make_design(params, WindowSet.open(TRAIN_WINDOWS), ARTIFACTS)
    table = reasons_table(design)
    with replacing_directory(DESIGN) as folder:
        write_json(folder / FILE_NAME, design.sizes_json())
        write_json(folder / "design.json", design.to_json())
        write_text(folder / "design.txt", table)
        draw_design(folder / "design.svg", design)
    print(table, end="")


if __name__ == "__main__":
    run_program(main)
