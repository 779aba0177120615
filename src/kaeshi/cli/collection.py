"""`kaeshi collection`: judge and scrub the conversations that may be learned from."""

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import (
    AsJson,
    Database,
    Who,
    counts,
    group,
    show,
)
from kaeshi.loop import Loop
from kaeshi.steps import collection as steps

app = group()


@app.command("run")
def run(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Judge and scrub every closed conversation that changed since it was last judged."""
    done, why = with_loop(db, assistant, _collected)
    result = {
        "judged": done.judged,
        "kept": done.kept,
        "dropped": dict(done.dropped),
        "pii_replaced": dict(done.pii),
        "total_kept": done.total_kept,
        "judged_again": done.refiltered,
        "waiting_for_review": done.waiting,
        "ready_to_retrain": done.ready_to_retrain,
    }
    show(result, as_json=as_json, text=_words(done, why))


def _words(done: steps.Collected, why: str) -> str:
    """What was collected, or why nothing was, and what needs a person."""
    ready = ", ready to retrain" if done.ready_to_retrain else ""
    lines = [
        f"{done.judged} judged: {done.kept} kept, dropped: {counts(dict(done.dropped))}",
        f"personal data replaced: {counts(dict(done.pii))}",
    ]
    if why:
        lines = [f"nothing was judged: {why}"]
    if done.refiltered:
        lines.append(f"{done.refiltered} of them judged again, because the filters changed")
    lines.append(f"{done.total_kept} examples in all{ready}")
    if done.waiting:
        lines.append(
            f"{done.waiting} of them are of customers whom no request named, and wait for "
            "approval: kaeshi review list"
        )
    return "\n".join(lines)


async def _collected(loop: Loop) -> tuple[steps.Collected, str]:
    """What was collected, and why nothing was, where that is so."""
    done = await steps.collect(loop)
    return done, "" if done.judged else await steps.why_nothing(loop)
