"""The seed's five objects, with the signatures of its examples.

They take and return plain dicts. `db` may be a URL, an SQLAlchemy AsyncEngine (left open),
AsyncConnection or AsyncSession (then inside the caller's transaction, which the caller commits), a
Loop, or None: DATABASE_URL, else a file in the data directory.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaeshi.ml.dataset import DatasetBuilder
    from kaeshi.ml.deployment import DeploymentManager
    from kaeshi.ml.feedback import FeedbackProcessor
    from kaeshi.ml.scrubber import PIIScrubber
    from kaeshi.ml.tuner import FineTuner

__all__ = [
    "get_dataset_builder",
    "get_deployment_manager",
    "get_feedback_processor",
    "get_fine_tuner",
    "get_pii_scrubber",
]


def get_pii_scrubber() -> "PIIScrubber":
    """Removes personal data from text."""
    from kaeshi.ml.scrubber import PIIScrubber  # so that the import of kaeshi.ml stays light

    return PIIScrubber()


def get_dataset_builder() -> "DatasetBuilder":
    """Turns conversations into training data."""
    from kaeshi.ml.dataset import DatasetBuilder  # as above

    return DatasetBuilder()


def get_fine_tuner() -> "FineTuner":
    """Automates fine-tuning over OpenAI's wire."""
    from kaeshi.ml.tuner import FineTuner  # as above

    return FineTuner()


def get_deployment_manager() -> "DeploymentManager":
    """Takes a model into production, or back out."""
    from kaeshi.ml.deployment import DeploymentManager  # as above

    return DeploymentManager()


def get_feedback_processor() -> "FeedbackProcessor":
    """Records and scores feedback."""
    from kaeshi.ml.feedback import FeedbackProcessor  # as above

    return FeedbackProcessor()
