"""How providers' fine-tuning differs from OpenAI's, by name and by host.

Sources: Nebius Token Factory's guide to fine-tuning (hyperparameters beside the method's place, the
learning rate itself under the name of a multiplier; kaeshi sends none), and OPEA's fine-tuning
service in GenAIComps (jobs are looked up by a POST with a body).
"""

from typing import Literal, NamedTuple
from urllib.parse import urlsplit

DialectName = Literal["openai", "nebius", "opea"]


class Dialect(NamedTuple):
    """`has_method`: hyperparameters stand in the method; else beside it, as OpenAI first had them.

    `looks_by_post`: a job is looked up by a POST to jobs/retrieve.
    """

    has_method: bool = True
    looks_by_post: bool = False


DIALECTS: dict[DialectName, Dialect] = {
    "openai": Dialect(),
    "nebius": Dialect(has_method=False),
    "opea": Dialect(has_method=False, looks_by_post=True),
}
HOSTS: dict[str, DialectName] = {"nebius.com": "nebius", "nebius.ai": "nebius"}


def dialect_of(base_url: str | None, named: DialectName | None) -> Dialect:
    """The dialect that is named, or that the host speaks.

    >>> dialect_of("https://api.tokenfactory.nebius.com/v1/", None).has_method
    False
    """
    if named is not None:
        return DIALECTS[named]
    host = urlsplit(base_url or "").hostname or ""
    known = (name for end, name in HOSTS.items() if host == end or host.endswith(f".{end}"))
    return DIALECTS[next(known, "openai")]
