import pytest

from roletune.evaluation.curve_page import data_plot, render_curve, render_curve_words
from roletune.evaluation.plots import NARROW, WIDE
from roletune.records import CurvePoint, DataCurve, Estimate, PowerLaw

from .test_report_html import HOSTILE, Page


def curve(change=-0.12, spread=0.1, character="Mira"):
    law = PowerLaw(floor=2.0, factor=3.0, exponent=0.5)
    losses = {n: law.floor + law.factor * n**-law.exponent for n in (12, 25, 50, 100)}
    return DataCurve(
        character=character,
        base="org/base",
        seeds=1,
        base_prompt=3.1,
        points=tuple(
            CurvePoint(share=n / 100, scenes=n, tokens=300 * n, nll=Estimate(value=v, low=v - 0.1, high=v + 0.1, n=80))
            for n, v in losses.items()
        ),
        law=law,
        twice=Estimate(value=change, low=change - spread, high=min(0.0, change + spread), n=20),
        resamples=100,
    )


@pytest.mark.parametrize("canvas", [WIDE, NARROW])
def test_points_lie_on_the_law_that_made_them_and_everything_on_the_canvas(canvas):
    plot = data_plot(curve(), canvas)
    places = [tuple(map(float, place[1:].split())) for place in plot.law.replace("L", "|L").split("|")]
    assert (plot.points[0].x, plot.points[0].y) == places[0]
    assert (plot.points[-1].x, plot.points[-1].y) == places[-1]
    for whisker in (*plot.points, plot.twice):
        assert canvas.left <= whisker.x <= canvas.width - canvas.right
        assert canvas.top <= whisker.high <= whisker.y <= whisker.low <= canvas.height - canvas.bottom
    assert [tick.label for tick in plot.x_ticks] == ["12", "25", "50", "100", "200"]
    gaps = [plot.x_ticks[k + 1].at - plot.x_ticks[k].at for k in (1, 2, 3)]
    assert max(gaps) - min(gaps) < 0.3  # a doubling is as wide everywhere
    assert plot.base < plot.points[0].high  # the untrained base is worst, so highest


def test_more_data_is_praised_only_where_the_interval_leaves_out_zero():
    assert "is not shown" not in render_curve_words(curve())
    assert "-0.120 [-0.220, -0.020] nats per token" in render_curve_words(curve())
    assert "that more data helps is not shown" in render_curve_words(curve(change=-0.01))


def test_the_page_is_whole_and_inert():
    page = Page(render_curve(curve(character=HOSTILE)))
    assert page.all("script", "img", "iframe") == []
    assert len(page.all("svg")) == 2
    assert "100 scenes" in page.all("svg")[0]["aria-label"]
    assert "80 held-out lines" in " ".join(page.text)
