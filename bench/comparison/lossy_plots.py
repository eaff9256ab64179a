"""What was measured over bad paths, as SVG."""

import math

from comparison import lossy_cases, lossy_summary, lossy_table, plots, table

LEFT, RIGHT, ROW, GROUP = 150, 84, 31, 28
RADII = {"p50": 3.5, "p99": 5, "p999": 6.5}
ROUND_TRIPS = sorted({path.round_trip_ms for path in lossy_cases.PATHS})
TITLES = {f"loss_rtt{round_trip}": f"Time until the answer: median, 99 % and 99.9 % of questions; round trip of {round_trip} ms"
          for round_trip in ROUND_TRIPS}


def _time(milliseconds):
    return table.duration(milliseconds * 1e6)


def colour(asker):
    return plots.COLOURS.get(asker.name) or plots.COLOURS.get(asker.program) or plots.GREY


def label(x, y, name, value):
    """Above its dot; those at 99.9 % below, as they may be close to those at 99 %."""
    words = "never" if value is None else lossy_table.milliseconds(value)
    return (f'<text x="{x:.1f}" y="{y + (13 if name == "p99" else -7):.1f}" class="faint" font-size="9" text-anchor="middle">'
            f"{words}</text>")


def row(y, asker, numbers, across, never):
    """A dot for each percentile; what never came is beyond the axis."""
    places = {name: never if numbers[name] is None else across(numbers[name]) for name in lossy_summary.PERCENTILES}
    ends = min(places.values()), max(places.values())
    body = [plots.text(LEFT - 12, y + 4, asker.label, "mark", "end", colour(asker)),
            f'<line class="grid" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y}" y2="{y}" stroke-width="2"/>']
    for name, x in places.items():
        fill = colour(asker) if numbers[name] is not None else "none"
        body += [f'<circle class="mark" cx="{x:.1f}" cy="{y}" r="{RADII[name]}" fill="{fill}" stroke="{colour(asker)}"/>',
                 label(x, y, name, numbers[name])]
    return body


def draw(round_trip, measured):
    """All losses with one round trip, one group of rows for each."""
    groups = [(path, {name: numbers for name, numbers in measured.get(path.name, {}).items() if "p50" in numbers})
              for path in lossy_cases.PATHS if path.round_trip_ms == round_trip]
    values = [numbers[name] for _, some in groups for numbers in some.values() for name in lossy_summary.PERCENTILES
              if numbers[name] is not None]
    title = TITLES[f"loss_rtt{round_trip}"]
    if not values:
        return plots.picture(title, [plots.text(LEFT, plots.HEIGHT / 2, "not measured", "faint")])
    height = plots.TOP + sum(GROUP + ROW * len(some) for _, some in groups) + plots.BOTTOM
    least, most = (math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))))
    right = plots.WIDTH - RIGHT
    across = plots.Axis(10 ** least, 10 ** max(most, least + 1), LEFT, right)
    body = []
    for power in range(least, max(most, least + 1) + 1):
        x = across(10 ** power)
        body += [f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{plots.TOP}" y2="{height - plots.BOTTOM + 6}"/>',
                 plots.text(x, height - plots.BOTTOM + 22, _time(10 ** power), "faint", "middle")]
    body.append(plots.text(right + RADII["p999"] + 34, height - plots.BOTTOM + 22, "never", "faint", "middle"))
    y = plots.TOP
    for path, some in groups:
        body.append(plots.text(16, y + 16, f"{path.loss} % lost each way", "ink"))
        y += GROUP
        for name, numbers in some.items():
            body += row(y + 10, lossy_cases.BY_NAME[name], numbers, across, right + RADII["p999"] + 34)
            y += ROW
    return plots.picture(title, body, height)


def draw_all(found):
    """{name: SVG} of what stands under "loss" in the results."""
    return {f"loss_rtt{round_trip}": draw(round_trip, found["paths"]) for round_trip in ROUND_TRIPS}
