"""Plots as SVG, written by hand: readable on light and on dark, each line labelled where it ends."""

import html
import math

from comparison import cases, systems, table

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 44, 50
LABEL_PIXELS = 15  # between two labels at least

TITLES = {
    "rate-outstanding": "Answers a second from one client, against questions outstanding (32 bytes)",
    "rate-bytes": "Answers a second with 1,024 outstanding, against the size of a question",
    "latency-1": "Time until the answer, one question at a time (32 bytes)",
    "latency-1024": "Time until the answer, 1,024 outstanding (32 bytes)",
    "server-cost": "Processor time of the server for each question (32 bytes)",
}
COLOURS = {"holler": "#d9480f", "asio": "#1c7ed6", "libuv": "#0c8599", "libevent": "#2b8a3e", "enet": "#9c36b5",
           "zeromq": "#e64980", "nng": "#8d6e1f", "libcoap": "#5c6ac4"}
GREY = "#868e96"
STYLE = """
  svg { font-family: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", sans-serif; font-size: 12px; }
  .paper { fill: #ffffff; } .ink { fill: #343a40; } .faint { fill: #6c757d; } .grid { stroke: #dee2e6; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #161b22; } .ink { fill: #e6edf3; } .faint { fill: #9aa4af; } .grid { stroke: #30363d; }
    .mark { filter: brightness(1.35); }
  }
"""


def colour(name):
    return COLOURS.get(name, GREY)


def powers(least, most):
    """The powers of ten around these values."""
    return math.floor(math.log10(least)), math.ceil(math.log10(most))


class Axis:
    """A logarithmic scale onto pixels."""

    def __init__(self, least, most, begin, end):
        self._least, self._most = math.log(least), math.log(most)
        self._begin, self._end = begin, end

    def __call__(self, value):
        span = self._most - self._least
        part = (math.log(value) - self._least) / span if span else 0.5
        return self._begin + part * (self._end - self._begin)


def text(x, y, words, kind="ink", anchor="start", fill=""):
    """Words in one of the style's inks, or as a "mark" in the colour of what they name."""
    paint = f' fill="{fill}"' if fill else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"{paint}>{html.escape(words)}</text>'


def picture(title, body, height=HEIGHT):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(title)}">',
        f"<title>{html.escape(title)}</title>", f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>',
        f'<text x="16" y="26" class="ink" font-size="14" font-weight="600">{html.escape(title)}</text>', *body, "</svg>", ""])


def spread(wanted):
    """Heights near those wanted, in their order, none closer to the next than a line of text."""
    order = sorted(range(len(wanted)), key=lambda one: wanted[one])
    # Those that would run into each other stand around their middle: [sum of where each wants the first, how many].
    groups = []
    for place, one in enumerate(order):
        groups.append([wanted[one] - place * LABEL_PIXELS, 1])
        while len(groups) > 1 and groups[-1][0] / groups[-1][1] < groups[-2][0] / groups[-2][1]:
            total, count = groups.pop()
            groups[-1] = [groups[-1][0] + total, groups[-1][1] + count]
    firsts = [total / count for total, count in groups for _ in range(count)]
    return [firsts[place] + place * LABEL_PIXELS for place in map(order.index, range(len(wanted)))]


def lines(title, series, columns, unit):
    """A plot of {system: [value or None for each column]}; `columns` are (place, label) on a logarithmic axis."""
    values = [value for some in series.values() for value in some if value]
    if not values:
        return picture(title, [text(LEFT, HEIGHT / 2, "not measured", "faint")])
    low, high = powers(min(values), max(values))
    places = [place for place, _ in columns]
    across = Axis(min(places), max(places), LEFT + 14, WIDTH - RIGHT)
    up = Axis(10 ** low, 10 ** max(high, low + 1), HEIGHT - BOTTOM, TOP)
    body = []
    for power in range(low, max(high, low + 1) + 1):
        y = up(10 ** power)
        body += [f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
                 text(LEFT - 8, y + 4, unit(10 ** power), "faint", "end")]
    body += [text(across(place), HEIGHT - BOTTOM + 20, label, "faint", "middle") for place, label in columns]
    ends = []
    for name, some in series.items():
        points = [(across(place), up(value)) for (place, _), value in zip(columns, some) if value]
        if not points:
            continue
        bare, own = name.startswith("bare"), name == "holler"
        body.append(f'<polyline class="mark" fill="none" stroke="{colour(name)}" stroke-width="{3.5 if own else 1.8}"'
                    + (f' stroke-dasharray="{4 + 3 * ["bare-one", "bare-batch", "bare-joined"].index(name)} 3"' if bare else "")
                    + f' points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>')
        body += [f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="{4 if own else 2.5}" fill="{colour(name)}"/>' for x, y in points]
        ends.append((name, points[-1]))
    for (name, (x, y)), place in zip(ends, spread([y for _, (_, y) in ends])):
        body += [f'<line class="grid" x1="{x + 5:.1f}" y1="{y:.1f}" x2="{WIDTH - RIGHT + 14}" y2="{place:.1f}"/>',
                 text(WIDTH - RIGHT + 18, place + 4, systems.BY_NAME[name].label, "mark", fill=colour(name))]
    return picture(title, body)


def dots(title, rows, kinds, unit):
    """A row for each system with a full dot for the first of two kinds and a hollow one for the second; `rows` is
    [(system, [value or None for each kind])]."""
    values = [value for _, some in rows for value in some if value]
    if not values:
        return picture(title, [text(LEFT, HEIGHT / 2, "not measured", "faint")])
    low, high = powers(min(values), max(values))
    left, top, each = 140, TOP + 24, 28
    bottom = top + each * len(rows) + 8
    across = Axis(10 ** low, 10 ** max(high, low + 1), left, WIDTH - 60)
    body = [dot(20, TOP + 4, GREY, False), text(30, TOP + 8, kinds[0], "faint"),
            dot(260, TOP + 4, GREY, True), text(270, TOP + 8, kinds[1], "faint")]
    for power in range(low, max(high, low + 1) + 1):
        x = across(10 ** power)
        body += [f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>',
                 text(x, bottom + 18, unit(10 ** power), "faint", "middle")]
    for number, (name, some) in enumerate(rows):
        y = top + 18 + each * number
        body.append(text(left - 12, y + 4, systems.BY_NAME[name].label, "mark", "end", colour(name)))
        points = sorted((across(value), value, which == 1) for which, value in enumerate(some) if value)
        body.append(f'<line class="grid" x1="{points[0][0]:.1f}" x2="{points[-1][0]:.1f}" y1="{y}" y2="{y}" stroke-width="2"/>')
        for which, (x, value, hollow) in enumerate(points):
            before = len(points) == 2 and which == 0
            body += [dot(x, y, colour(name), hollow),
                     text(x + (-9 if before else 9), y + 4, unit(value), "faint", "end" if before else "start")]
    return picture(title, body, bottom + 34)


def dot(x, y, fill, hollow):
    paint = f'class="mark paper" stroke="{fill}" stroke-width="2"' if hollow else f'class="mark" fill="{fill}"'
    return f'<circle {paint} cx="{x:.1f}" cy="{y:.1f}" r="{4 if hollow else 5}"/>'


def _series(found, names, value):
    """{system: [value in each of these cases]} of the systems that were measured in any."""
    series = {}
    for system in systems.SYSTEMS:
        some = [found["cases"].get(case, {}).get(system.name, {}).get(value) for case in names]
        if any(some):
            series[system.name] = some
    return series


def _percentiles(found, case):
    outcome = found["cases"].get(case, {})
    return {name: [numbers[one] for one in ("p50", "p90", "p99", "p999")] for name, numbers in outcome.items() if "rate" in numbers}


def _rate(value):
    return table.rate(value).replace(".000", "").replace(".0", "")


def draw_all(found):
    """{name: SVG}."""
    by_outstanding = ("one-blocking", "w64", "w256", "w1024", "w4096")
    by_bytes = ("w1024", "w1024-256", "w1024-1200", "w1024-16384")
    percentiles = [(10 ** place, label) for place, label in enumerate(("median", "90 %", "99 %", "99.9 %"))]
    counts = [cases.BY_NAME[name] for name in by_outstanding]
    sizes = [cases.BY_NAME[name] for name in by_bytes]
    costs = _series(found, ("w1024", "clients1000"), "server_ns")
    kinds = ("one client, 1,024 outstanding", "1,000 clients, one outstanding each")
    drawn = {
        "rate-outstanding": (_series(found, by_outstanding, "rate"), [(one.outstanding, f"{one.outstanding:,}") for one in counts], _rate),
        "rate-bytes": (_series(found, by_bytes, "rate"), [(one.bytes, f"{one.bytes:,} B") for one in sizes], _rate),
        "latency-1": (_percentiles(found, "one-blocking"), percentiles, table.duration),
        "latency-1024": (_percentiles(found, "w1024"), percentiles, table.duration),
    }
    pictures = {name: lines(TITLES[name], *given) for name, given in drawn.items()}
    pictures["server-cost"] = dots(TITLES["server-cost"], list(costs.items()), kinds, table.duration)
    return pictures
