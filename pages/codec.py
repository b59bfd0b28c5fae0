"""The figures of docs/codec.md."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from edgecodec.aerosense import DAMAGES
from pages.markdown import percent, table

COEFFICIENTS = ("common offset", "other means", "dynamics")


def parts(limits: Any) -> Iterator[str]:
    """The error of all windows at every rate, and what it is made of."""
    floor = limits["autoencoder"]["all"]
    rows = [("bits", "error", "noise and networks", "number of bits", "quantizer",
             "ideal quantizer: bits for this error", "ideal quantizer: next 10 bits save")]
    for rate in limits["rates"].values():
        codec, ideal = rate["codec"]["all"], rate["ideal"]["all"]
        rows.append((str(rate["bits"]), f"**{codec:.2f} %**", f"{floor:.2f} %", f"{ideal - floor:+.2f} %",
                     f"{codec - ideal:+.2f} %", f"{rate['equivalent_bits']:.0f}",
                     f"{rate['saved_by_10_further_bits']:.3f} %"))
    return table(*rows)


def groups(limits: Any) -> Iterator[str]:
    """Floors, ideal and codec at the lowest and the highest rate, per group: all, wind speeds, damages."""
    low, *_, high = limits["rates"].values()
    rows = [("windows", "number", "signal without noise", "no quantizer",
             *(f"{name}, {rate['bits']} bits" for rate in (low, high) for name in ("ideal", "codec")))]
    order = {name: place for place, name in enumerate(("all", *DAMAGES))}  # wind speeds come between
    for group in sorted(limits["windows"], key=lambda group: order.get(group.split()[-1], 0.5)):
        errors = [limits["noise_floor"][group], limits["autoencoder"][group],
                  *(rate[name][group] for rate in (low, high) for name in ("ideal", "codec"))]
        rows.append((group.replace("_", " "), str(limits["windows"][group]), *(f"{error:.2f} %" for error in errors)))
    return table(*rows)


def spending(limits: Any) -> Iterator[str]:
    """Bits of the ideal quantizer by coefficients, and the error that exact coefficients would save."""
    rows = [("bits", "components sent", *(f"{name}: bits" for name in COEFFICIENTS),
             *(f"{name} exact: error" for name in COEFFICIENTS))]
    for rate in limits["rates"].values():
        gained = (rate["if_exact"][name]["all"] - rate["codec"]["all"] for name in COEFFICIENTS)
        rows.append((str(rate["bits"]), f"{rate['components_sent']:.0f} of {limits['latent_dimension']}",
                     *(f"{rate['bits_by_coefficients'][name]:.0f}" for name in COEFFICIENTS),
                     *(f"{error:+.3f} %" for error in gained)))
    return table(*rows)


def verdict(limits: Any) -> Iterator[str]:
    """Where a further bit or MAC would go."""
    low = next(iter(limits["rates"].values()))
    codec, ideal, floor = low["codec"]["all"], low["ideal"]["all"], limits["autoencoder"]["all"]
    noise = limits["noise_floor"]["all"]
    saved = {name: codec - low["if_exact"][name]["all"] for name in COEFFICIENTS}
    dearest = max(saved, key=saved.__getitem__)
    yield (f"- **A further bit** at {low['bits']} bits saves {low['saved_by_10_further_bits'] / 10:.4f} % of error in "
           f"an ideal quantizer. It would best go to the {dearest}: if exact, {saved[dearest]:.2f} % less error.")
    yield ("- **A further MAC in the quantizer** (a wider search, larger codewords, codebooks per class of windows) "
           f"works on {codec - ideal:.2f} % of error at {low['bits']} bits. An ideal quantizer needs "
           f"{low['equivalent_bits']:.0f} bits for the codec's error.")
    yield f"- **A further MAC in the networks** works on the {floor:.2f} % that are left without a quantizer. " + (
        f"The signal without noise has {noise:.2f} %: the networks already carry sensor noise, and larger ones would "
        "carry more. They could only pay by other coefficients for the same bits." if floor < noise else
        f"Of these, {floor - noise:.2f} % lie above the signal without noise, and can be had.")


def rivals(rate_distortion: Any) -> Iterator[str]:
    """Both kinds of packets against the classical rivals at the same mean bits."""
    codecs = rate_distortion["splits"]["validation"]
    rows = [("packets", "bits, mean", "error", "plain KLT + DCT", "ratio", "KLT + DCT at its best", "ratio")]
    for name, kind in (("edgecodec", "fixed length"), ("edgecodec_coded", "coded")):
        for entry in codecs[name].values():
            plain, best = (entry["at_equal_bits"][rival] for rival in ("klt_dct_plain", "klt_dct"))
            rows.append((kind, f"{entry['bits_per_window']:.0f}", f"**{entry['error_percent']:.2f} %**",
                         f"{plain['error_percent']:.2f} %", f"{plain['ratio']:.3f}",
                         f"{best['error_percent']:.2f} %", f"{best['ratio']:.3f}"))
    return table(*rows)


def estimates(measured: Any, fitted: Any) -> Iterator[str]:
    """What nodes say of the error, beside the error."""
    rows = [("packets", "rate", "correlation", "estimate / truth: 5 % of windows below", "median", "5 % above")]
    for kind, rates in measured["estimates"].items():
        for rate, found in rates.items():
            rows.append((kind.replace("_", " "), rate, f"{found['correlation']:.4f}",
                         *(f"{found[key]:.3f}" for key in ("ratio_p5", "ratio_median", "ratio_p95"))))
    yield from table(*rows)
    bound = measured["within"]["fixed_length"]
    at_one_rate = bound["mean_bits_at_one_rate"]
    yield ""
    yield (f"With a bound of {bound['bound_percent']:g} % and a margin of {100 * (fitted['margin'] - 1):.0f} % for the "
           f"estimate, fixed-length packets take {bound['mean_bits']:.0f} bits on average; "
           + (f"one rate for all would take {at_one_rate:.0f}. " if at_one_rate else "no single rate keeps it. ")
           + f"{100 * bound['over_with_nothing_said']:.1f} % of the windows are over it with nothing said; of "
           f"{100 * bound['said_over']:.0f} % the node says that no rate holds them. Of windows of the validation "
           f"recordings that set no threshold, {100 * fitted['false_alarms']['held_out']:.1f} % are called unlike the "
           "training.")


def cost_of_remarks(counted: Any) -> Iterator[str]:
    """What nodes pay for the remarks."""
    told, silent = (counted["benchmarks"][name]["cores"]["8"]["chain_milliseconds"]
                    for name in ("edge", "edge_without_remarks"))
    shares = [100 * (told[rate] / silent[rate] - 1) for rate in sorted(silent)]
    yield (f"Remarks take {min(shares):.1f} to {max(shares):.1f} % of the time from window to packet: "
           f"{told['1']:.3f} ms at the lowest rate instead of {silent['1']:.3f}, {told[max(told)]:.3f} ms at the "
           f"highest instead of {silent[max(silent)]:.3f}.")


def disturbances(measured: Any) -> Iterator[str]:
    """What was sent, what came back, and what was said."""
    rows = [("disturbance", "error, rates 1 and 4", "estimated at rate 1, median", "faulty channels found",
             "healthy ones: error beside the faultless", "called unlike", "over the bound with nothing said",
             "escape within 3 %")]
    order = ("none", *sorted(name for name in measured["disturbances"] if name != "none"))
    for name in order:
        found = measured["disturbances"][name]
        low, high = (found["error_percent"][key] for key in ("lowest_rate", "highest_rate"))
        of_fault = found["faults_found"] is not None
        rows.append((found["description"].rstrip("."), f"{low:.1f}, {high:.1f} %",
                     f"{found['estimated_percent']:.1f} %",
                     f"{100 * found['faults_found']:.0f} %" if of_fault else "",
                     f"{found['healthy_error_ratio']:.3f}" if of_fault else "",
                     f"{100 * found['called_unlike']:.0f} %", f"{100 * found['over_with_nothing_said']:.0f} %",
                     f"{found['escape']['mean_bytes']:.0f} bytes"))
    return table(*rows)


def generalization(measured: Any) -> Iterator[str]:
    """Codec and rivals on conditions that none of them was trained on, beside a codec that was."""
    rows: list[tuple[str, ...]] = [("left out", "packets", "bits, mean", "error", "if trained on", "plain KLT + DCT",
                                    "ratio", "KLT + DCT at its best", "ratio", "other rivals within these bits")]
    for split in measured["splits"].values():
        codecs, of_all = split["codecs"], split["codec_trained_on_all"]
        others = {name: rates for name, rates in codecs.items() if not name.startswith(("edgecodec", "klt_dct"))}
        for name, kind in (("edgecodec", "fixed length"), ("edgecodec_coded", "coded")):
            for rate, entry in codecs[name].items():
                beside = [entry["at_equal_bits"].get(rival) for rival in ("klt_dct_plain", "klt_dct")]
                within = [(point["error_percent"], other) for other, rates in others.items()
                          for point in rates.values() if point["bits_per_window"] <= entry["bits_per_window"]]
                rows.append((
                    ", ".join(split["left_out"]).replace("_", " "), kind, f"{entry['bits_per_window']:.0f}",
                    f"**{entry['error_percent']:.2f} %**",
                    f"{of_all[name][rate]['error_percent']:.2f} %",
                    *(cell for equal in beside for cell in (
                        (f"{equal['error_percent']:.2f} %", f"{equal['ratio']:.3f}") if equal else ("-", "-"))),
                    "{1}: {0:.2f} %".format(*min(within)) if within else "-",
                ))
    return table(*rows)


def estimates_elsewhere(study: Any, recorded: Any) -> Iterator[str]:
    """What nodes say of windows that are unlike the training; of all rates the worst."""
    rows: list[tuple[str, ...]] = [("windows", "number", "packets", "correlation, at least",
                                    "estimate / truth: 5 % of windows below", "median", "5 % above", "called unlike",
                                    "channels called faulty")]
    for title, split in _by_split(study, recorded):
        for kind, found in split["packets"].items():
            low, median, high = ([each[key] for each in found["estimates"].values()]
                                 for key in ("ratio_p5", "ratio_median", "ratio_p95"))
            rows.append((title, str(split["windows"]), kind.replace("_", " "),
                         f"{min(each['correlation'] for each in found['estimates'].values()):.3f}", f"{min(low):.3f}",
                         f"{min(median):.3f} to {max(median):.3f}", f"{max(high):.3f}", percent(found["called_unlike"]),
                         str(split["called_faulty"])))
    return table(*rows)


def rates_by_need(study: Any, recorded: Any) -> Iterator[str]:
    """Rates by need beside one rate for all, and beside KLT + DCT, at the same mean bits."""
    rows: list[tuple[str, ...]] = [("windows", "packets", "bound", "bits, mean", "held by no rate",
                                    "rate 1: over it", "error", "one rate for all", "KLT + DCT at its best", "ratio",
                                    "KLT + DCT by need", "ratio")]
    for title, split in _by_split(study, recorded):
        for kind, found in split["packets"].items():
            for choice in found["at_mean_bits"]:
                beside = choice["at_equal_bits"]
                one_rate, best, by_need = (beside.get(name) for name in ("one_rate", "klt_dct", "klt_dct_by_need"))
                rows.append((title, kind.replace("_", " "), f"{choice['bound_percent']:.2f} %",
                             f"{choice['mean_bits']:.0f}", percent(choice["said_over"]),
                             percent(choice["over_at_lowest_rate"]), f"**{choice['error_percent']:.2f} %**",
                             f"{one_rate['error_percent']:.2f} %" if one_rate else "-",
                             *(cell for equal in (best, by_need) for cell in (
                                 (f"{equal['error_percent']:.2f} %", f"{equal['ratio']:.3f}") if equal else
                                 ("-", "-")))))
    return table(*rows)


def kept_bounds(study: Any, recorded: Any) -> Iterator[str]:
    """What the bound of the gate takes, with escapes and without."""
    rows: list[tuple[str, ...]] = [("windows", "packets", "bound", "one rate that keeps it", "by need: bits, mean",
                                    "held by no rate", "over it with nothing said", "largest error",
                                    "with escapes: bits, mean", "bits of an escape", "error", "largest error")]
    for title, split in _by_split(study, recorded):
        for kind, found in split["packets"].items():
            bound, escapes = found["within"], found["within"]["with_escapes"]
            one_rate, of_escapes = bound["mean_bits_at_one_rate"], escapes["mean_bits_of_escapes"]
            rows.append((title, kind.replace("_", " "), f"{bound['bound_percent']:g} %",
                         f"{one_rate:.0f} bits" if one_rate else "none", f"{bound['mean_bits']:.0f}",
                         percent(bound["said_over"]), percent(bound["over_with_nothing_said"]),
                         f"{bound['largest_error_percent']:.2f} %", f"{escapes['mean_bits']:.0f}",
                         f"{of_escapes:.0f}" if of_escapes else "-", f"{escapes['error_percent']:.2f} %",
                         f"{escapes['largest_error_percent']:.2f} %"))
    return table(*rows)


def _by_split(study: Any, recorded: Any) -> Iterator[tuple[str, Any]]:
    """How the pages call the windows of the study and the recorded ones, and what was found on them."""
    for name, split in sorted(study["splits"].items(), key=lambda item: "left_out" in item[1]):  # validation first
        yield ", ".join(split.get("left_out", [name])).replace("_", " "), split
    of_this_codec = recorded["model_hash"] == study["model_hash"]
    yield "recorded" if of_this_codec else "recorded, by an earlier codec", recorded["splits"]["recorded"]


def chance(seeds: Any) -> Iterator[str]:
    """How far the errors of several seeds lie apart."""
    rows = [("packets", "rate", "least", "mean", "largest", "apart")]
    for name, kind in (("edgecodec", "fixed length"), ("edgecodec_coded", "coded")):
        for rate, found in seeds[name].items():
            rows.append((kind, rate, *(f"{found[key]:.3f} %" for key in ("least", "mean", "largest")),
                         f"{100 * found['relative_spread']:.2f} %"))
    return table(*rows)


COMPARED = {  # the codecs of a comparison: how the page calls them, and whose firmware is theirs
    "edgecodec": ("edge", "edge"),
    "transform": ("transform", "transform"),
    "paper": ("paper, sound recipe", "paper"),
    "paper_original": ("paper, its own recipe", "paper"),
}


def paper(comparison: Any, counted: Any) -> Iterator[str]:
    """Our codec beside the classical one and the paper's networks; all send 90 bits per rate."""
    rates = comparison["edgecodec"]["rates"]
    rows = [("codec", "MACs, encoder + quantizer", "window to packet, 8 cores", "parameters, encoder + decoder",
             *(f"{entry['bits_per_window']:.0f} bits" for entry in rates.values()), "edge's error to this one's")]
    for name, (title, firmware) in COMPARED.items():
        if name not in comparison:
            continue
        entry, took = comparison[name], counted["benchmarks"][firmware]["cores"]["8"]["chain_milliseconds"]
        ratios = ", ".join(f"{ratio:.2f}" for ratio in entry["error_of_ours_to_this"].values())
        rows.append((title, f"{entry['encoder_macs'] / 1e6:.2f} + {entry['quantizer_macs'] / 1e6:.2f} M",
                     f"{min(took.values()):.2f} to {max(took.values()):.2f} ms",
                     f"{entry['encoder_parameters'] / 1e6:.2f} + {entry['decoder_parameters'] / 1e6:.2f} M",
                     *(f"{errors['error_percent']:.2f} %" for errors in entry["rates"].values()), ratios))
    return table(*rows)


def sizes(exploration: Any) -> Iterator[str]:
    """What each number of codewords does in both codecs, over the numbers of stages."""
    rows = [("codec", "codewords", "in use", "in use, worst codebook", "perplexity / codewords", "drawn anew per step",
             "codebooks, 4 stages")]
    for codec, explored in exploration.items():
        ordered = sorted(explored["cells"].values(), key=lambda cell: cell["codewords"])
        for words, cells in groupby(ordered, key=lambda cell: cell["codewords"]):
            four = next(cell for cell in cells if cell["stages"] == 4)
            rows.append((codec, str(words), percent(four["usage"]), percent(four["least_usage"]),
                         f"{100 * four['perplexity'] / words:.0f} %", f"{100 * four['reseed_rate']:.2f} %",
                         f"{four['codebook_bytes'] / 1e6:.2f} MB"))
    return table(*rows)


def budgets(exploration: Any) -> Iterator[str]:
    """Errors at equal bits, with the best size and that of the rule."""
    words = list(next(iter(next(iter(exploration.values()))["budgets"].values()))["error_percent"])
    rows = [("codec", "bits", *sorted(words, key=int), "best", "rule, on average", "rule, every codebook")]
    for codec, explored in exploration.items():
        for budget in explored["budgets"].values():
            rows.append((codec, str(budget["bits"]),
                         *(f"{budget['error_percent'][size]:.3f} %" for size in sorted(words, key=int)),
                         str(budget["best"]), *(str(budget[rule] or "none") for rule in ("by_rule", "by_strict_rule"))))
    return table(*rows)


def rule(exploration: Any) -> Iterator[str]:
    """Does the rule choose what is best?"""
    for codec, explored in exploration.items():
        chosen = list(explored["budgets"].values())
        errors = [list(budget["error_percent"].values()) for budget in chosen]
        apart = max(max(row) / min(row) - 1 for row in errors)
        yield (f"- Codec `{codec}`, if codebooks count on average: the rule {_obedience(chosen, 'by_rule')}. If every "
               f"codebook counts: it {_obedience(chosen, 'by_strict_rule')}. The best and the worst size are at most "
               f"{100 * apart:.2f} % of the error apart.")


def _obedience(budgets: list[Any], reading: str) -> str:
    """What it brings to do as the rule says."""
    allowed = [budget for budget in budgets if budget[reading]]
    if not allowed:
        return "allows no size"
    hits = sum(budget[reading] == budget["best"] for budget in allowed)
    loss = max(budget["error_percent"][str(budget[reading])] / min(budget["error_percent"].values()) - 1
               for budget in allowed)
    return f"names the best size at {hits} of {len(budgets)} budgets, and costs up to {100 * loss:.2f} % of the error"
