"""Write what receivers rebuild windows with: the trained decoder as ONNX."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from edgecodec.artifacts import ARTIFACTS, FLOAT16, MODEL
from edgecodec.deploy.export_receiver import export_receiver
from edgecodec.model.codec import load_model
from edgecodec.packets.network import load_codec
from edgecodec.storage import replacing_directory

RECEIVER = ARTIFACTS / "receiver"


def main() -> None:
    with replacing_directory(RECEIVER) as folder:
        export_receiver(load_model(MODEL), load_codec(FLOAT16), folder)


if __name__ == "__main__":
    run_program(main)
