"""What of a page the measurements over bad paths fill: the lines {{loss NAME}}, {{loss_askers}}, {{loss_plot NAME}} and
{{loss_targets}}."""

from comparison import lossy_cases, lossy_plots, lossy_summary, lossy_table

PATHS = {path.name: path for path in (*lossy_cases.PATHS, lossy_cases.STEP)}


def _rows(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---" if number == 0 else "--:" for number in range(len(head))) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _label(name):
    label = lossy_cases.BY_NAME[name].label
    return f"**{label}**" if name == "holler" else label


def _number(value):
    return "–" if value is None else f"{value:.3f}"


def of_loss(outcome, path):
    rows = [(_label(name), f"{numbers['questions']:,}", f"{numbers['unanswered']:,}",
             *(lossy_table.milliseconds(numbers[one]) for one in lossy_summary.PERCENTILES),
             _number(numbers["requests_per_answer"]), _number(numbers["datagrams_per_answer"]))
            for name, numbers in outcome.items() if "p50" in numbers]
    rows.append(("needed", "", "", "", "", "", _number(path.requests_needed), ""))
    return _rows((path.title, "questions", "unanswered", "p50, ms", "p99, ms", "p99.9, ms", "requests for an answer",
                  "datagrams for an answer"), rows)


def of_step(outcome, path):
    rows = [(_label(name), f"{numbers['before']['questions']:,}", f"{numbers['before']['repeated']:,}",
             f"{numbers['after']['questions']:,}", f"{numbers['after']['repeated']:,}", _number(numbers["needless_per_question"]))
            for name, numbers in outcome.items() if "after" in numbers]
    return _rows((path.title, "questions before", "repeats", "questions after", "repeats", "needless for a question"), rows)


def _path(found, name):
    path = PATHS[name]
    outcome = found.get("loss", {}).get("paths", {}).get(name)
    if not outcome:
        return f"**{path.title}**: not measured."
    return (of_step if path.step_seconds else of_loss)(outcome, path)


def _askers(_, __):
    return _rows(("Asker", "what it does"), [(_label(asker.name), asker.about) for asker in lossy_cases.ASKERS])


def _plot(_, name):
    return f"![{lossy_plots.TITLES[name]}](plots/{name}.svg)"


def _targets(found, _):
    rows = lossy_summary.targets(found.get("loss", {}).get("paths", {}))
    return _rows(("Target", "measured", "met"), [(target, shown, "yes" if met else "no") for target, shown, met in rows])


FILLERS = {"loss": _path, "loss_askers": _askers, "loss_plot": _plot, "loss_targets": _targets}
