"""What the commands of rollouts print."""

from typing import Any

from kaeshi.cli.output import table

LONG_DAYS = 60


HELD = "intervals and verdict hold at every look"
OF_CUSTOMERS = f"means over customers; what was not reported counts as not reached; {HELD}"


def comparison_text(
    found: Any, names: tuple[str, str] = ("production", "candidate"), note: str = HELD
) -> str:
    """A comparison as a table and a sentence."""
    rows = _metric_rows(found)
    return (
        f"{table(('metric', *names, 'difference [95 % interval]'), rows)}\n{names[1]}: "
        f"{found.why}\n({note})"
    )


def _metric_rows(found: Any) -> list[tuple[Any, ...]]:
    rows = []
    for row in found.metrics:
        means = [
            f"{s.total / s.count:.3f} of {s.count}" if s.count else "none"
            for s in (row.production, row.candidate)
        ]
        d = row.difference
        rows.append(
            (
                row.metric,
                *means,
                f"{d.estimate:+.3f} [{d.low:+.3f}, {d.high:+.3f}]" if d else "too little",
            )
        )
    return rows


def forecast_text(expected: Any) -> str:
    """How long the rollout is likely to take, and what helps when that is long."""
    if expected is None:
        return "no forecast: production has no history to plan by"
    longest = max(expected.days.values())
    shown = ", ".join(f"{name} {days:.0f}" for name, days in expected.days.items())
    text = (
        f"at {expected.customers_per_day:.0f} customers a day, median days until each is "
        f"shown: {shown}"
    )
    if expected.false_customers:
        text += (
            f"\nthat leaves room for {expected.false_customers:.1%} of false customers; signed "
            "customers (GATEWAY_CUSTOMER_SECRET) need no such room, and fewer days"
        )
    if longest <= LONG_DAYS:
        return text
    return (
        f"{text}\nthat is long: widen ROLLOUT_MARGINS, raise ROLLOUT_SMALLEST_EFFECT, or "
        "promote by name with --force"
    )


def traffic_lines(traffic: Any) -> list[str]:
    """The last week's requests, where something about them needs a person's attention."""
    total = traffic["requests"]
    lines = []
    if traffic["unknown_customers"]:
        lines.append(
            f"  {traffic['unknown_customers']} of {total} requests of the last week: the customer "
            "is unknown; send X-Kaeshi-Customer or X-Kaeshi-Conversation"
        )
    lines += [
        f"  {count} of {total} answers of the last week could not be read ({dialect}): they were "
        "served and not stored"
        for dialect, count in sorted(traffic["unread"].items())
    ]
    return lines


def rollout_lines(r: Any) -> list[str]:
    """A rollout with what its arms answered, and its steps."""
    paused = f", paused by {r['paused']}" if r["paused"] else ""
    lines = ["", f"{r['id']}  {r['model']}  {r['state']} ({r['percent']:g} %){paused}"]
    if any(r["mirror"][state] for state in ("answered", "failed", "dropped")):
        lines.append(_mirror_text(r["mirror"]))
    lines += [_arm_text(arm) for arm in r["arms"]]
    lines += [
        (
            f"  {a['at'][:16]}  {a['before'] or 'start'} -> {a['after']}  "
            f"{a['by'] or 'without a name'}: {a['why']}"
        )
        for a in r["audit"]
    ]
    return lines


def _mirror_text(m: Any) -> str:
    waited = (
        f", {m['latency_ms']:.0f} ms against production's {m['production_ms']:.0f}"
        if m["answered"]
        else ""
    )
    whose = "".join(
        f", {count} {'ties' if who == 'tie' else f'for {who}'}"
        for who, count in sorted(m["preferred"].items())
    )
    judged = f"; judged{whose.removeprefix(',')}" if whose else ""
    return (
        f"  mirror: {m['answered']} answered ({m['same']} the same, {m['broken']} broke a "
        f"check{waited}), {m['failed']} failed{_reasons(m['why'])}, {m['dropped']} "
        f"dropped{judged}"
    )


def _arm_text(arm: Any) -> str:
    return (
        f"  {arm['arm']}: {arm['failed']} of {arm['requests']} requests failed"
        f"{_reasons(arm['why'])}"
    )


def _reasons(why: dict[str, int]) -> str:
    """(HTTP 404 model_not_found 12, ...), the three most common."""
    most = sorted(why.items(), key=lambda each: (-each[1], each[0]))[:3]
    return f" ({', '.join(f'{reason}: {count}' for reason, count in most)})" if most else ""
