"""Which arm a customer belongs to.

A hash decides, so it needs no table and survives restarts.
"""

import hashlib

from kaeshi.nouns import Arm


def arm_of(experiment: str, customer: str, share: float) -> Arm:
    """Candidate for `share` of all customers.

    Raising the share moves customers to the candidate only, never back.

    >>> arm_of("ro_1", "ann", 0.0), arm_of("ro_1", "ann", 1.0)
    ('production', 'candidate')
    """
    salt = hashlib.blake2b(experiment.encode(), digest_size=16).digest()
    point = int.from_bytes(
        hashlib.blake2b(customer.encode("utf-8", "surrogatepass"), key=salt, digest_size=8).digest()
    )
    return "candidate" if point < share * 2**64 else "production"
