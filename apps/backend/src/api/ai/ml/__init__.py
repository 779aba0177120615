"""The seed's address for kaeshi.ml."""

from kaeshi.ml import (
    get_dataset_builder,
    get_deployment_manager,
    get_feedback_processor,
    get_fine_tuner,
    get_pii_scrubber,
)

__all__ = [
    "get_dataset_builder",
    "get_deployment_manager",
    "get_feedback_processor",
    "get_fine_tuner",
    "get_pii_scrubber",
]
