"""The figures of docs/frames.md."""

from collections.abc import Iterator
from typing import Any

from pages.markdown import table

SENT = {"packet": "packet", "radio": "frame, `radio`", "checked": "frame, `checked`"}


def on_air(measured: Any) -> Iterator[str]:
    """Bytes, ratio and time of every rate."""
    factors = sorted(measured["rates"]["1"]["packet"]["lora_milliseconds"], key=int)
    rows: list[tuple[str, ...]] = [("rate", "sent", "bytes", "compression", *(f"SF{factor}" for factor in factors),
                                    f"share of time, SF{factors[0]} to SF{factors[-1]}")]
    for rate, sizes in measured["rates"].items():
        for name, sent in SENT.items():
            one = sizes[name]
            shares = [one["lora_duty_cycle"][factor] for factor in (factors[0], factors[-1])]
            rows.append((rate, sent, str(one["bytes"]), f"{one['ratio_on_air']:.0f}",
                         *(f"{one['lora_milliseconds'][factor]:.0f} ms" for factor in factors),
                         " to ".join(f"{100 * share:.1f} %" for share in shares)))
    return table(*rows)


def series(measured: Any) -> Iterator[str]:
    """What frames of several windows take."""
    rates = measured["series"]
    rows: list[tuple[str, ...]] = [("windows", "latency", "bytes at rate 1", "of a window", "compression",
                                    "share of time, SF7 to SF10",
                                    f"bytes of a window at rates 2 to {len(rates)}")]
    for count in sorted(rates["1"], key=int):
        one, *others = (rates[rate][count] for rate in sorted(rates, key=int))
        shares = [one["lora_duty_cycle"][factor] for factor in sorted(one["lora_duty_cycle"], key=int)]
        rows.append((count, f"{one['latency_seconds']:.0f} s", f"{one['bytes']:.1f}", f"{one['bytes_of_window']:.1f}",
                     f"{one['ratio_on_air']:.0f}", " to ".join(f"{100 * share:.1f} %" for share in shares),
                     ", ".join(f"{other['bytes_of_window']:.1f}" for other in others)))
    return table(*rows)


def damage(measured: Any) -> Iterator[str]:
    """What passes, and the odds of a wrong window."""
    passed = measured["damaged"]["passed"]
    yield from table(("damage", "frames that pass"), *((what, str(count)) for what, count in passed.items()))
    yield ""
    odds = sorted(measured["wrong_windows_per_billion"].items(), key=lambda item: float(item[0]))
    yield (f"By these figures, of 10^9 frames of {measured['damaged']['frame_bytes']} bytes are wrong without a word: "
           + ", ".join(f"{count:.2g} where one bit in {1 / float(rate):,.0f} is flipped" for rate, count in odds) + ".")
