"""The nouns: frozen values that go from store to rule to step to JSON, one file a word.

They validate nothing about the world: input is parsed where it enters.
"""

from kaeshi.nouns.assignment import Arm, Assignment
from kaeshi.nouns.autopilot import (
    ENDED,
    AutopilotMode,
    AutopilotRun,
    AutopilotState,
    Means,
    Option,
    Plan,
)
from kaeshi.nouns.candidate import (
    EMBEDDED,
    MOST_ENTRIES,
    MOST_EXAMPLES,
    Candidate,
    CandidateKind,
    Serving,
)
from kaeshi.nouns.collection import Drop, DropReason, Filters, Keep
from kaeshi.nouns.comparison import Comparison, Interval, MetricComparison, Sample
from kaeshi.nouns.consent import Consent, ConsentSource, ConsentStatement
from kaeshi.nouns.conversation import (
    CANDIDATE_FAILED,
    HAND_OVER,
    Conversation,
    Outcome,
    Role,
    Turn,
    text_of,
)
from kaeshi.nouns.dataset import Dataset
from kaeshi.nouns.evaluation import Answer, CaseResult, Evaluation, TestCase
from kaeshi.nouns.example import Example
from kaeshi.nouns.exchange import Exchange, Mirrored, Preferred
from kaeshi.nouns.feedback import Feedback, Opinion, Quality, Signals
from kaeshi.nouns.finding import (
    PLACEHOLDER,
    Finding,
    NameFinder,
    Original,
    Scrubbed,
    Watch,
    unwatched,
)
from kaeshi.nouns.job import Slot
from kaeshi.nouns.knowledge import Entry, Hit
from kaeshi.nouns.mail import Mail
from kaeshi.nouns.report import Cell, Line, Report
from kaeshi.nouns.review import ReviewItem, ReviewKind, ReviewState
from kaeshi.nouns.rollout import (
    Decision,
    Forecast,
    Foresight,
    Goal,
    Rollout,
    RolloutPlan,
    RolloutState,
    TrialRow,
    Verdict,
)
from kaeshi.nouns.training import (
    Estimate,
    JobRequest,
    RunState,
    TrainingEvent,
    TrainingMethod,
    TrainingRun,
)
from kaeshi.nouns.value import Json, Value

__all__ = [
    "CANDIDATE_FAILED",
    "EMBEDDED",
    "ENDED",
    "HAND_OVER",
    "MOST_ENTRIES",
    "MOST_EXAMPLES",
    "PLACEHOLDER",
    "Answer",
    "Arm",
    "Assignment",
    "AutopilotMode",
    "AutopilotRun",
    "AutopilotState",
    "Candidate",
    "CandidateKind",
    "CaseResult",
    "Cell",
    "Comparison",
    "Consent",
    "ConsentSource",
    "ConsentStatement",
    "Conversation",
    "Dataset",
    "Decision",
    "Drop",
    "DropReason",
    "Entry",
    "Estimate",
    "Evaluation",
    "Example",
    "Exchange",
    "Feedback",
    "Filters",
    "Finding",
    "Forecast",
    "Foresight",
    "Goal",
    "Hit",
    "Interval",
    "JobRequest",
    "Json",
    "Keep",
    "Line",
    "Mail",
    "Means",
    "MetricComparison",
    "Mirrored",
    "NameFinder",
    "Opinion",
    "Option",
    "Original",
    "Outcome",
    "Plan",
    "Preferred",
    "Quality",
    "Report",
    "ReviewItem",
    "ReviewKind",
    "ReviewState",
    "Role",
    "Rollout",
    "RolloutPlan",
    "RolloutState",
    "RunState",
    "Sample",
    "Scrubbed",
    "Serving",
    "Signals",
    "Slot",
    "TestCase",
    "TrainingEvent",
    "TrainingMethod",
    "TrainingRun",
    "TrialRow",
    "Turn",
    "Value",
    "Verdict",
    "Watch",
    "text_of",
    "unwatched",
]
