"""The design as a printable table."""

from __future__ import annotations

from edgecodec.design.design import Design


def reasons_table(design: Design) -> str:
    """What was chosen and why, and what it costs; ends with a line break."""
    lines = [line for line in (design.proposal, design.beside_klt_dct) if line]
    rows = [(reason.setting, _value(reason.value), reason.why) for reason in design.reasons()]
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:2]] if rows else []
    lines += [f"{setting:{widths[0]}}  {value:{widths[1]}}  {why}" for setting, value, why in rows]
    if design.codec in design.kinds:
        cost = design.kinds[design.codec].cost
        lines.append(f"{cost.macs} MACs, about {cost.milliseconds:.3g} ms, {cost.l1_bytes} bytes of L1 and "
                     f"{cost.l2_bytes} of L2 on the target")
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    return str(value).replace(" ", "")
