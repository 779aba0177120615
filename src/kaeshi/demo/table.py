"""The demo's summary.

What went in, what was refused and why, what was decided, and where the files are.
"""

from typing import Any


def as_text(result: dict[str, Any]) -> str:
    """The result as a table of names and values."""
    rows = [
        *_learning_rows(result),
        *_held_out_rows(result["held_out"]),
        *_decision_rows(result["decision"]),
        *_knowledge_rows(result["knowledge"]),
        *_report_rows(result),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)


def _learning_rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    collection = result["collection"]
    log = result["log"]
    sabotage = f", sabotage: {result['sabotage']}" if result["sabotage"] else ""
    return [
        ("customers", f"simulated, seed {result['seed']}{sabotage}"),
        (
            "two weeks of log",
            (
                f"{log['asked']} conversations: {log['right']} answered right, "
                f"{log['handed_over']} handed to a colleague"
            ),
        ),
        ("kept to learn from", f"{collection['kept']}"),
        ("dropped", _counts(collection["dropped"])),
        ("personal data replaced", _counts(collection["pii_replaced"])),
        ("dataset", _dataset(result["dataset"])),
        ("training cost", _cost(result["cost"])),
    ]


def _dataset(built: dict[str, Any] | None) -> str:
    if built is None:
        return "refused"
    return f"{built['rows']} rows; not taken: {_counts(built['dropped'])}"


def _cost(cost: dict[str, Any] | None) -> str:
    if cost is None:
        return "nothing was trained"
    return (
        f"$0 here; ${cost['at_openai_prices_usd']} at OpenAI's gpt-4o-mini price "
        f"({cost['tokens']} tokens x {cost['epochs']} epochs)"
    )


def _held_out_rows(held: dict[str, Any]) -> list[tuple[str, str]]:
    asked = held["questions"]
    candidate = _score(held["candidate"], asked) if held["candidate"] else "no candidate"
    return [
        ("held-out, before", _score(held["before"], asked)),
        ("held-out, candidate", candidate),
        ("held-out, after", f"{_score(held['after'], asked)}   <- customers get this one now"),
    ]


def _decision_rows(decision: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("decision", f"{decision['outcome'].upper()}: {decision['why']}")]
    for metric, seen in (decision["evidence"] or {}).items():
        arms = f"production {_mean(seen['production'])}, candidate {_mean(seen['candidate'])}"
        rows.append((f"  {metric}", f"{arms}{_difference(seen['difference'])}"))
    steps = " -> ".join(step["after"] for step in decision["steps"])
    return [*rows, ("  steps", steps or "none")]


def _knowledge_rows(kb: dict[str, Any]) -> list[tuple[str, str]]:
    example = ", such as {!r}: {}".format(*kb["example"]) if kb["example"] else ""
    found = f"{kb['found']} of {kb['asked']} held-out questions that it can answer{example}"
    return [
        ("knowledge", f"{kb['proposed']} proposed, {kb['approved']} approved by {kb['by']}"),
        ("  finds", found),
    ]


def _report_rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    report = result["report"]
    return [
        (
            "report",
            (
                f"week of {report['week']}, {report['conversations']} conversations, "
                f"in {report['page']}"
            ),
        ),
        ("files", result["folder"]),
    ]


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
    return f"{seen[0] / seen[1]:.2f} of {int(seen[1])} customers" if seen[1] else "nothing seen"


def _difference(found: dict[str, float] | None) -> str:
    return (
        f", difference {found['estimate']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}]"
        if found
        else ", not enough data to compare"
    )
