"""The figures of docs/sweeps.md."""

from collections.abc import Iterator, Mapping, Sequence

from pages.markdown import table


def sweep(points: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Bits and error of every point of the sweep, and how much of the least used codebook is in use."""
    rows: list[tuple[str, ...]] = [
        ("codewords", "stages per rate", "rate 1", "rate 2", "rate 3", "rate 4", "usage")]
    for point in points:
        errors = (f"{float(point[f'bits_per_window.rate{rate}']):.0f} bits, "
                  f"{float(point[f'error_percent.rate{rate}']):.2f} %" for rate in range(1, 5))
        rows.append((point["codecs.edge.codewords"], point["codecs.edge.stages_per_rate"], *errors,
                     f"{100 * float(point['least_codebook_usage']):.0f} %"))
    return table(*rows)
