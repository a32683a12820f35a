"""Keep keys, signing secrets, tokens and webhook ids out of the log of Home Assistant.

The filter is on the handlers of the root logger: the queue handler, which feeds the console and the log file, and the
system log. It changes a record in place, so a handler that is added to the root logger later gets redacted records,
too. Not covered are handlers of other loggers, which get a record before those of the root logger, and formatters
that print what `extra` added or format the exception themselves; Home Assistant's own do not.
"""

from contextlib import suppress
import logging
import re
from typing import Final, override
from urllib.parse import quote

from homeassistant.core import CALLBACK_TYPE, callback

from .const import DOMAIN

REDACTED: Final = "**REDACTED**"
SHORTEST: Final = 4  # characters; anything shorter is part of many ordinary words
MEDIA_PATH: Final = f"/api/{DOMAIN}/media/"  # of the links that serve media; followed by a token


@callback
def async_redact(*secrets: str) -> CALLBACK_TYPE:
    """Redact the secrets in all log lines from now on; return the function that ends this.

    A secret that several calls have given is redacted until all of them have ended. Blanks around a secret are not
    part of it, and one with fewer than four characters is ignored.
    """
    call = object()
    _FILTER.in_use[call] = {secret.strip() for secret in secrets if len(secret.strip()) >= SHORTEST}
    _FILTER.update_pattern()
    for handler in logging.root.handlers:
        handler.addFilter(_FILTER)  # does nothing if the handler has it already

    @callback
    def end() -> None:
        if _FILTER.in_use.pop(call, None):
            _FILTER.update_pattern()

    return end


class _RedactingFilter(logging.Filter):
    """Redacts the secrets in use, and the tokens in links to media, in the message, the traceback and the stack."""

    def __init__(self) -> None:
        super().__init__()
        self.in_use: dict[object, set[str]] = {}
        self.update_pattern()

    def update_pattern(self) -> None:
        """Compile the pattern for all secrets in use."""
        # The longest first: of "abcd" and "abcdef", the shorter would leave "ef".
        secrets = sorted(set().union(*self.in_use.values()), key=len, reverse=True)
        # Other threads read it, so it is replaced as a whole.
        self._pattern = re.compile("|".join((rf"({_spelled(MEDIA_PATH)})[\w-]+", *map(_spelled, secrets))))

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place, and let it pass."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 -- an argument's __str__ may raise anything
            # Otherwise the logging package prints the arguments and this error, in which a secret may be.
            message = f"Bad logger message at {record.pathname}:{record.lineno}"
            with suppress(Exception):
                message = f"Bad logger message: {record.msg} {record.args}"
            record.msg, record.args = message, ()
        if (redacted := self._redact(message)) != message:
            record.msg, record.args = redacted, ()
        if record.exc_info and not record.exc_text:
            with suppress(Exception):  # the handler reports it
                record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self._redact(record.stack_info)
        return True

    def _redact(self, text: str) -> str:
        return self._pattern.sub(rf"\g<1>{REDACTED}", text)


def _spelled(secret: str) -> str:
    r"""Return the pattern that finds a secret as it is, in a URL (%2F) and in JSON (\/)."""
    spelled = ((re.escape(char), re.escape(quote(char, safe=""))) for char in secret)
    return "".join(raw if raw == url else rf"(?:\\?{raw}|(?i:{url}))" for raw, url in spelled)


_FILTER: Final = _RedactingFilter()
