"""`get_feedback_processor()`: the seed's two calls on feedback."""

from typing import Any

from kaeshi.app import Target, open_loop
from kaeshi.rules.feedback import parse
from kaeshi.steps import feedback as steps


class FeedbackProcessor:
    """Records and scores ratings of answers."""

    async def process_feedback(
        self, db: Target, message_id: str, feedback: dict[str, Any], author: str = ""
    ) -> dict[str, Any]:
        """Store feedback on a message.

        `promoted_to_training`: the conversation is proposed as an example. Raises KaeshiError, and
        then stores nothing.
        """
        said = parse(message_id, feedback, author=author)
        async with open_loop(db) as loop:
            recorded = (await steps.record(loop, [said]))[0]
        return {
            "success": True,
            "feedback_id": recorded.id,
            "promoted_to_training": recorded.proposed,
            "quality_score": recorded.quality.tenths / 10,
        }

    async def get_feedback_analytics(self, db: Target, days: int = 30) -> dict[str, Any]:
        """Counts, mean stars and the share of rated answers over the last `days`."""
        async with open_loop(db) as loop:
            return await steps.analytics(loop, days)
