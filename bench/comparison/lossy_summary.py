"""What the runs over bad paths come to. A question without an answer counts as one that took for ever."""

import math

from comparison import lossy_cases

PERCENTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


def percentile(ordered, part):
    """The least that `part` of them do not exceed."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def percentiles(took):
    """In milliseconds; None for never."""
    ordered = sorted(math.inf if one is None else one for one in took)
    found = {name: percentile(ordered, part) for name, part in PERCENTILES.items()}
    return {name: None if value == math.inf else round(value / 1000, 2) for name, value in found.items()}


def miscounted(asker, said):
    """Where each request is a datagram of its own, the relay has counted the same; how many it has not."""
    if asker.shares:
        return 0
    up = said["relay"]["up"]
    return len(said["took"]) + said["repeated"] - up["received"] - up["kernel_drops"]


def of_path(asker, runs):
    """All runs of one asker over one path, each question of each run counting the same."""
    took = [one for said in runs for one in said["took"]]
    answered = sum(one is not None for one in took)
    repeated = sum(said["repeated"] for said in runs)
    datagrams = sum(said["relay"]["up"]["received"] for said in runs)
    # The first of each run met a path of which nothing was known.
    later = [one for said in runs for one in said["took"][lossy_cases.OUTSTANDING:]]
    per_answer = lambda count: round(count / answered, 4) if answered else None
    return {
        "questions": len(took), "answered": answered, "unanswered": len(took) - answered, "repeated": repeated,
        **percentiles(took), "later": percentiles(later or took),
        "requests_per_answer": per_answer(len(took) + repeated), "datagrams_per_answer": per_answer(datagrams),
        "miscounted": sum(miscounted(asker, said) for said in runs),
    }


def of_step(path, asker, runs):
    """Nothing is lost, so every repeat was needless. Counted before the step and after it."""
    before, after = {"questions": 0, "repeated": 0}, {"questions": 0, "repeated": 0}
    for said in runs:
        step = (said["relay_began"] - said["began"]) / 1000 + path.step_seconds * 1e6
        early = [repeats for asked, took, repeats in zip(said["asked"], said["took"], said["repeats"])
                 if took is not None and asked + took < step]
        before["questions"] += len(early)
        before["repeated"] += max(early, default=0)
        after["questions"] += len(said["took"]) - len(early)
        after["repeated"] += said["repeated"] - max(early, default=0)
    took = [one for said in runs for one in said["took"]]
    return {
        "questions": len(took), "unanswered": sum(one is None for one in took),
        "before": before, "after": after,
        "needless_per_question": round(after["repeated"] / after["questions"], 4) if after["questions"] else None,
        "miscounted": sum(miscounted(asker, said) for said in runs),
    }


def least_of_others(outcome, key):
    """(label, value) of the one that has least of it, other than holler."""
    others = [(numbers[key], lossy_cases.BY_NAME[name].label) for name, numbers in outcome.items()
              if lossy_cases.BY_NAME[name].program != "holler" and numbers.get(key) is not None]
    return min(others, default=(None, None))


def targets(measured):
    """[(target, measured, met)] for what of it was measured."""
    rows = []
    for path in lossy_cases.PATHS:
        outcome = measured.get(path.name, {})
        holler, libcoap = (outcome.get(name, {}) for name in ("holler", "libcoap"))
        if path.loss == 5 and "p99" in holler and "p99" in libcoap:
            rows.append(half_of_libcoap(path, holler["p99"], libcoap["p99"]))
        if holler.get("requests_per_answer"):
            most = 1.1 * path.requests_needed
            sent = holler["requests_per_answer"]
            rows.append((f"requests for an answer, {path.title}: at most {most:.3f}", f"{sent:.3f}", sent <= most))
    outcome = measured.get(lossy_cases.STEP.name, {})
    needless = outcome.get("holler", {}).get("needless_per_question")
    least, who = least_of_others(outcome, "needless_per_question")
    if needless is not None and least is not None:
        rows.append(("needless repeats for a question at the step: fewer than any other",
                     f"{needless:.3f}, and {who} {least:.3f}", needless < least))
    return rows


def half_of_libcoap(path, holler, libcoap):
    ours, theirs = (math.inf if value is None else value for value in (holler, libcoap))
    shown = f"{ours:,.0f} ms of {theirs:,.0f} ms"
    return (f"p99, {path.title}: at most half of libcoap's", shown, ours < math.inf and ours <= theirs / 2)
