"""Pictures show what they are given: names with dollars, and powers of ten, as people write them."""

from io import BytesIO

from edgecodec.evaluation.style import AS_TEXT, figure


def test_nothing_is_taken_for_a_formula_nor_shown_as_one() -> None:
    file = BytesIO()
    with figure(file, 3, 3, AS_TEXT) as drawn:
        axes = drawn.subplots()
        axes.plot([1, 2], [1e-6, 100], label="price $a_1$")
        axes.set(yscale="log", title="cost $b_2$")
        axes.legend()
    shown = file.getvalue().decode()
    assert all(f">{text}<" in shown for text in ("price $a_1$", "cost $b_2$", "0.01"))
    assert "mathdefault" not in shown
