"""Every error that kaeshi raises on purpose.

    KaeshiError
    ├── InvalidInput      the input cannot be stored or used (HTTP 422)
    ├── NotFound          there is nothing of that name (404)
    ├── Conflict          the present state does not allow it (409)
    ├── TooFew            there is not enough data (409)
    ├── Refused           a safety rule does not allow it (403)
    ├── TooMany           it was asked too often (429)
    ├── TimedOut          it took longer than allowed (503)
    ├── MissingModel      a model file is not on this machine (503)
    ├── MissingExtra      an optional package is not installed (503)
    ├── Misconfigured     a setting has no usable value (500)
    └── ProviderError     a service that was called answered with an error (502)
        └── ProviderUnknown   no answer came: look there before asking again (502)

A message names the thing, its value and what to do. It never holds customer text.
"""


class KaeshiError(Exception):
    """kaeshi refuses to do something; the message says why."""

    status = 500


class InvalidInput(KaeshiError):
    """The input cannot be stored or used."""

    status = 422


class NotFound(KaeshiError):
    """There is nothing of that name."""

    status = 404


class Conflict(KaeshiError):
    """The present state does not allow it."""

    status = 409


class TooFew(KaeshiError):
    """There is not enough data."""

    status = 409


class Refused(KaeshiError):
    """A safety rule does not allow it."""

    status = 403


class TooMany(KaeshiError):
    """It was asked too often."""

    status = 429


class TimedOut(KaeshiError):
    """It took longer than allowed and was stopped."""

    status = 503


class MissingModel(KaeshiError):
    """A model file is not on this machine; type `kaeshi models fetch`."""

    status = 503


class MissingExtra(KaeshiError):
    """An optional package is not installed."""

    status = 503


class Misconfigured(KaeshiError):
    """A setting has no usable value."""


class Damaged(Misconfigured):
    """A stored text was changed, and cannot be decrypted."""


class ProviderError(KaeshiError):
    """A service that was called answered with an error."""

    status = 502


class ProviderUnknown(ProviderError):
    """A service was called and no answer came: look there before asking again."""
