"""What a customer allows, and when, how and by which text it was said."""

from datetime import datetime
from typing import Literal

from kaeshi.nouns.value import Value

Consent = Literal["granted", "legitimate_interest", "none"]
# record: a field of a log. request: a header through the gateway. person: at the command line or
# the API. import, setting: the operator's word for very many. earlier: before they were stored
ConsentSource = Literal["unstated", "record", "request", "person", "import", "setting", "earlier"]


class ConsentStatement(Value):
    """One statement of consent to learn from a conversation.

    `said_at`: when it was said; None where that is not known, as of the operator's word for a whole
    file. `text`: what was agreed to, such as the version of the terms. `by`: the person who entered
    it.
    """

    consent: Consent
    how: ConsentSource
    said_at: datetime | None = None
    text: str = ""
    by: str = ""
