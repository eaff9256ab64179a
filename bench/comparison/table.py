"""What was measured, as text for a terminal."""

from comparison import systems

SATURATED = 0.9
DISTURBED = 0.2  # of a processor, used by others: what was measured is less than there is to be had


def saturated(numbers):
    """Which side had no time left."""
    sides = [side for side in ("server", "load") if numbers[f"{side}_busy"] > SATURATED]
    return " and ".join(sides) or "neither"


def disturbed(measured):
    """The cases in which others used the machine as well: a system with more threads gets more of it, and not even ratios hold."""
    return [case for case, outcome in measured.items()
            if any(numbers.get("others_busy", 0) > DISTURBED for numbers in outcome.values())]


def rate(per_second):
    return f"{per_second / 1e6:,.3f} M" if per_second >= 1e6 else f"{per_second / 1e3:,.1f} k"


def duration(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}" if nanoseconds < 999.5 * size else f"{nanoseconds / size:.0f} {unit}"
    return f"{nanoseconds:.0f} ns"


def ratio(part, whole):
    if not whole:
        return ""
    value = part / whole
    return f"{value:.2g}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def of_case(case, outcome):
    """The lines of one case."""
    head = (f"{'':<23}{'answered/s':>11}{'least':>11}{'most':>11}{'of bare':>9}{'holler is':>11}{'p50':>9}{'p99':>9}"
            f"{'server ns':>11}{'server':>8}{'load':>7}  saturated")
    lines = ["", case.title, head]
    bare = outcome.get(case.bare, {}).get("rate")
    holler = outcome.get("holler", {}).get("rate")
    for name, numbers in outcome.items():
        label = systems.BY_NAME[name].label
        if "rate" not in numbers:
            kind = "cannot" if "cannot" in numbers else "failed"
            lines.append(f"{label:<23}{kind}: {numbers[kind]}")
            continue
        lines.append(
            f"{label:<23}{rate(numbers['rate']):>11}{rate(numbers['least']):>11}{rate(numbers['most']):>11}"
            f"{ratio(numbers['rate'], bare):>9}{'× ' + ratio(holler, numbers['rate']) if holler else '':>11}"
            f"{duration(numbers['p50']):>9}{duration(numbers['p99']):>9}{numbers['server_ns']:>11,.0f}"
            f"{numbers['server_busy']:>8.0%}{numbers['load_busy']:>7.0%}  {saturated(numbers)}{remarks(numbers)}")
    return "\n".join(lines)


def remarks(numbers):
    """What else there is to know: losses, repeats, and what the load says."""
    found = [f"{numbers[key]:,} {key}" for key in ("lost", "retransmitted") if numbers[key]]
    if numbers["others_busy"] > DISTURBED:
        found.append(f"others used {numbers['others_busy']:.0%} of a processor")
    if numbers.get("note"):
        found.append(numbers["note"])
    return "; " + "; ".join(found) if found else ""
