"""The demo's last words: what went in, what was refused and why, what was decided, and where it lies."""

from typing import Any


def as_text(result: dict[str, Any]) -> str:
    """The result as a stranger can read it."""
    held = result["held_out"]
    collection = result["collection"]
    decision = result["decision"]
    kb = result["knowledge"]
    n = held["questions"]
    example = ", such as {!r}: {}".format(*kb["example"]) if kb["example"] else ""
    rows = _rows_before(result, collection, held, n, decision)
    _metric_rows(decision, rows)
    rows += [("  steps", " -> ".join(s["after"] for s in decision["steps"]) or "none")]
    rows += [
        ("knowledge", f"{kb['proposed']} proposed, {kb['approved']} approved by {kb['by']}"),
        (
            "  finds",
            f"{kb['found']} of {kb['asked']} held-out questions that it can answer{example}",
        ),
        (
            "report",
            f"week of {result['report']['week']}, {result['report']['conversations']} conversations, in {result['report']['page']}",
        ),
        ("files", result["folder"]),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)


def _rows_before(
    result: dict[str, Any], collection: Any, held: Any, n: Any, decision: Any
) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = [
        (
            "customers",
            f"simulated, seed {result['seed']}{', sabotage: ' + result['sabotage'] if result['sabotage'] else ''}",
        ),
        (
            "two weeks of log",
            f"{result['log']['asked']} conversations: {result['log']['right']} answered right, {result['log']['handed_over']} handed to a colleague",
        ),
        ("kept to learn from", f"{collection['kept']}"),
        ("dropped", _counts(collection["dropped"])),
        ("personal data replaced", _counts(collection["pii_replaced"])),
        (
            "dataset",
            f"{result['dataset']['rows']} rows; not taken: {_counts(result['dataset']['dropped'])}"
            if result["dataset"]
            else "refused",
        ),
        (
            "training cost",
            f"$0 here; ${result['cost']['at_openai_prices_usd']} at OpenAI's gpt-4o-mini price ({result['cost']['tokens']} tokens x {result['cost']['epochs']} epochs)"
            if result["cost"]
            else "nothing was trained",
        ),
        ("held-out, before", _score(held["before"], n)),
        (
            "held-out, candidate",
            _score(held["candidate"], n) if held["candidate"] else "no candidate",
        ),
        ("held-out, after", f"{_score(held['after'], n)}   <- what customers get now"),
        ("decision", f"{decision['outcome'].upper()}: {decision['why']}"),
    ]
    return rows


def _metric_rows(decision: Any, rows: list[tuple[str, str]]) -> None:
    for metric, seen in (decision["evidence"] or {}).items():
        rows.append(
            (
                f"  {metric}",
                f"production {_mean(seen['production'])}, candidate {_mean(seen['candidate'])}{_difference(seen['difference'])}",
            )
        )


def _counts(found: dict[str, int]) -> str:
    return (
        ", ".join(
            f"{name} {count}"
            for name, count in sorted(found.items(), key=lambda item: (-item[1], item[0]))
        )
        or "none"
    )


def _score(score: dict[str, Any], n: int) -> str:
    return (
        f"{score['right']} of {n} right ({score['share']:.0%}), {score['handed_over']} handed over"
    )


def _mean(seen: list[float]) -> str:
    return f"{seen[0] / seen[1]:.2f} of {int(seen[1])}" if seen[1] else "nothing seen"


def _difference(found: dict[str, float] | None) -> str:
    return (
        f", difference {found['estimate']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}]"
        if found
        else ", too little to compare"
    )
