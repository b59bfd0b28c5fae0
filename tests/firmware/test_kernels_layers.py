"""Files of the kernels include and call what lies below them: no file reaches itself over others."""

import re
from pathlib import Path

# From the ground up. Files of one layer do not know each other.
LAYERS = (
    ("arithmetic.h", "checksum.h", "edgecodec.h", "exact.h", "series_numbers.h"),
    ("checksum.c", "half.h", "network.h", "range_coder.h", "series_numbers.c"),
    ("entropy.h", "integers.h", "products.h", "range_coder.c"),
    ("counts.h", "escape.h", "helium.h", "integers.c"),
    ("counts.c", "escape.c", "packet_layout.h", "tile.h", "worker.h"),
    ("lanes.c", "scalars.h", "tile.c", "tile_helium.c", "worker.c"),
    ("entropy.c", "scalars.c"),
    ("filter.h", "fused.h", "intake.h", "layers.h", "monitor.h", "stream.h"),
    ("convolution.c", "filter.c", "normalize.c", "quantizer.h", "running_filter.h", "transpose.c"),
    ("regimes.c", "running_filter.c", "search.c"),
    ("intake.c",),
    ("abreast.c", "monitor.c"),
    ("quantizer.c",),
    ("codec.c", "frame.c", "pack.c"),
    ("series.c",),
)
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}
DEFINITION = re.compile(r"^\w[\w *]*\b(ec_\w+)\([^;{}]*\) \{$", re.MULTILINE)


def climbing(sources: dict[str, str]) -> list[str]:
    """``file: other`` where a file includes or calls another one of its own height or above."""
    homes = {function: name for name, source in sources.items() if name.endswith(".c")
             for function in DEFINITION.findall(source)}
    found = set()
    for name, source in sources.items():
        code = source if name.endswith(".c") else "".join(re.findall(r"^static inline .*?^\}$", source, re.M | re.S))
        called = {*re.findall(r"\b(ec_\w+)\(", code)} - {*DEFINITION.findall(source)}
        others = {*re.findall(r'^#include "(\S+)"', source, re.M), *(homes[each] for each in called & homes.keys())}
        found |= {f"{name}: {other}" for other in others - {name} if HEIGHT[other] >= HEIGHT[name]}
    return sorted(found)


def test_kernels_know_what_lies_below_them(repository: Path) -> None:
    firmware = repository / "src" / "edgecodec" / "firmware"
    sources = {path.name: path.read_text() for part in ("include", "kernels") for path in (firmware / part).iterdir()}
    assert {*sources, "arithmetic.h"} == set(HEIGHT)
    assert climbing(sources) == []


def test_a_call_that_climbs_is_found() -> None:
    sources = {"tile.h": "static inline int ec_add(void) {\n    return ec_top(1);\n}\n",
               "worker.c": '#include "network.h"\n#include "codec.c"\n',
               "codec.c": "int ec_top(int a,\n           int b) {\n    return a + b;\n}\n"}
    assert climbing(sources) == ["tile.h: codec.c", "worker.c: codec.c"]
