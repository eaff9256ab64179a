"""docs/performance.md: the prose of bench/performance.md.in, and the numbers of bench/results.json."""

import re

from comparison import cases, lossy_page, lossy_plots, plots, results, systems, table, targets

TEMPLATE = results.ROOT / "bench/performance.md.in"
PAGE = results.ROOT / "docs/performance.md"
PLOTS = results.ROOT / "docs/plots"
COMMAND = re.compile(r"^\{\{(\w+)(?: ([\w-]+))?\}\}$", re.MULTILINE)


def _rows(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---" if number == 0 else "--:" for number in range(len(head))) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _machine(found, _):
    machine = found["machine"]
    disturbed = table.disturbed(found["cases"])
    warning = ("\n\n**Other programs used this machine meanwhile, and the numbers say little** where the tables tell so: "
               + ", ".join(disturbed) + ".") if disturbed else ""
    return (f"Measured on {found['date']}: {machine['processors']} processors of {machine['processor']}, {machine['system']}, "
            f"Linux {machine['kernel']}, {machine['compiler']}; {found['rounds']} round{'s' if found['rounds'] > 1 else ''} of {found['seconds']:g} s.{warning}")


def _systems(found, _):
    rows = [(system.label, found["versions"].get(system.program, ""), system.about) for system in systems.SYSTEMS]
    return _rows(("System", "version", "what it does"), rows)


def _case(found, name):
    """One case as a table."""
    case = cases.BY_NAME[name]
    outcome = found["cases"].get(name)
    if not outcome:
        return f"**{case.title}**: not measured."
    bare, holler = (outcome.get(one, {}).get("rate") for one in (case.bare, "holler"))
    rows = []
    for system, numbers in outcome.items():
        label = systems.BY_NAME[system].label
        label = f"**{label}**" if system == "holler" else label
        if "rate" not in numbers:
            rows.append((label, "–", *[""] * 7, numbers.get("cannot") or "failed: " + numbers["failed"]))
            continue
        rows.append((label, table.rate(numbers["rate"]), f"{table.rate(numbers['least'])} – {table.rate(numbers['most'])}",
                     table.ratio(numbers["rate"], bare), f"× {table.ratio(holler, numbers['rate'])}" if holler else "",
                     table.duration(numbers["p50"]), table.duration(numbers["p99"]), f"{numbers['server_ns']:,.0f}",
                     f"{numbers['server_busy']:.0%} / {numbers['load_busy']:.0%}",
                     table.saturated(numbers) + table.remarks(numbers)))
    head = (case.title, "answered/s", "least – most", "of bare", "holler is", "p50", "p99", "server ns", "server / load busy",
            "saturated")
    return _rows(head, rows)


def _targets(found, _):
    rows = [(target.text, *target.verdict(found)) for target in targets.TARGETS]
    return _rows(("Target", "measured", "met"), rows)


def _plot(_, name):
    return f"![{plots.TITLES[name]}](plots/{name}.svg)"


FILLERS = {"machine": _machine, "systems": _systems, "case": _case, "targets": _targets, "plot": _plot, **lossy_page.FILLERS}


def fill(template, found):
    """The page. A line {{WHAT}} or {{WHAT NAME}} is replaced; a number in the prose is not made up by anybody."""
    return COMMAND.sub(lambda match: FILLERS[match[1]](found, match[2]), template)


def render(found):
    PAGE.write_text(fill(TEMPLATE.read_text(encoding="utf-8"), found), encoding="utf-8")
    PLOTS.mkdir(exist_ok=True)
    drawn = plots.draw_all(found) | (lossy_plots.draw_all(found["loss"]) if "loss" in found else {})
    for name, drawing in drawn.items():
        (PLOTS / f"{name}.svg").write_text(drawing, encoding="utf-8")
