"""What was measured over bad paths, as text for a terminal."""

from comparison import lossy_cases


def milliseconds(value):
    if value is None:
        return "never"
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def of_path(path, outcome):
    lines = ["", f"{path.title}: {lossy_cases.OUTSTANDING} outstanding, {lossy_cases.BYTES} B; times in ms",
             f"{'':<19}{'questions':>10}{'unanswered':>12}{'p50':>9}{'p99':>9}{'p99.9':>9}{'requests':>11}{'datagrams':>11}"
             "  for an answer"]
    for name, numbers in outcome.items():
        label = f"{lossy_cases.BY_NAME[name].label:<19}"
        if "p50" not in numbers:
            lines.append(label + without(numbers))
            continue
        times = "".join(f"{milliseconds(numbers[key]):>9}" for key in ("p50", "p99", "p999"))
        sent = "".join(f"{'' if numbers[key] is None else f'{numbers[key]:.3f}':>11}"
                       for key in ("requests_per_answer", "datagrams_per_answer"))
        lines.append(f"{label}{numbers['questions']:>10,}{numbers['unanswered']:>12,}{times}{sent}{remark(numbers)}")
    lines.append(f"{'needed':<19}{'':>49}{path.requests_needed:>11.3f}")
    return "\n".join(lines)


def of_step(path, outcome):
    lines = ["", f"{path.title}: {lossy_cases.OUTSTANDING} outstanding, {lossy_cases.BYTES} B",
             f"{'':<19}{'questions':>10}{'repeats':>9}  before{'questions':>12}{'repeats':>9}  after{'needless for a question':>26}"]
    for name, numbers in outcome.items():
        label = f"{lossy_cases.BY_NAME[name].label:<19}"
        if "after" not in numbers:
            lines.append(label + without(numbers))
            continue
        before, after = numbers["before"], numbers["after"]
        needless = numbers["needless_per_question"]
        lines.append(f"{label}{before['questions']:>10,}{before['repeated']:>9,}{'':>8}{after['questions']:>12,}"
                     f"{after['repeated']:>9,}{'':>7}{'' if needless is None else f'{needless:.3f}':>26}{remark(numbers)}")
    return "\n".join(lines)


def without(numbers):
    return next(f"{kind}: {numbers[kind]}" for kind in ("cannot", "failed") if kind in numbers)


def remark(numbers):
    said = [f"the relay has counted {numbers['miscounted']:+,} datagrams"] if numbers["miscounted"] else []
    if "failed" in numbers:
        said.append(f"a run failed: {numbers['failed']}")
    return "  " + "; ".join(said) if said else ""


def of_targets(rows):
    width = max((len(target) for target, _, _ in rows), default=0)
    breadth = max((len(shown) for _, shown, _ in rows), default=0)
    lines = ["", f"{'target':<{width}}  {'measured':<{breadth}}  met"]
    lines += [f"{target:<{width}}  {shown:<{breadth}}  {'yes' if met else 'NO'}" for target, shown, met in rows]
    return "\n".join(lines)
