"""Keep keys, secrets, tokens and webhook ids out of every log while they are in use.

A filter on the log *handlers* sees each record whole, before it is formatted; one on a logger misses the records
of its children, a record factory misses what `extra` adds. Which handlers a record will meet is known when it is
made. So a factory around the one in force puts the filter on them just then, at any logger, whenever they came.
"""

from collections.abc import Callable, Iterable
import logging
import re
import threading
from typing import Any, Final, override
from urllib.parse import quote
from weakref import WeakSet

from homeassistant.core import CALLBACK_TYPE, callback

REDACTED: Final = "**REDACTED**"
SHORTEST: Final = 4  # characters; anything shorter would be found all over the place

# Where a record comes from stays as it is. All else may quote a secret, including whatever `extra` added.
_ELSE: Final = {"exc_text", "stack_info", "taskName", "threadName"}
_UNTOUCHED: Final = vars(logging.LogRecord("", 0, "", 0, "", (), None)).keys() - _ELSE
_traceback: Final = logging.Formatter().formatException


@callback
def async_redact(*secrets: str) -> CALLBACK_TYPE:
    """Keep the secrets out of every log; return what ends that, once nobody else has the same in use."""
    user = object()
    _FILTER.change(user, secrets)
    return callback(lambda: _FILTER.change(user))


class _Filter(logging.Filter):
    """Redacts a record in place, so that it stays redacted wherever a handler keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self._users: dict[object, set[str]] = {}
        self._handlers: WeakSet[logging.Handler] = WeakSet()
        self.pattern: re.Pattern[str] | None = None  # replaced, never changed: all threads read it
        self._lock = threading.RLock()  # reentrant, as a finalizer that logs may run at any line

    def change(self, user: object = None, secrets: Iterable[str] = ()) -> None:
        """Set what a user has in use; come with the first secret and go with the last."""
        with self._lock:
            self._users.pop(user, None)
            if wanted := {secret.strip() for secret in secrets if len(secret.strip()) >= SHORTEST}:
                self._users[user] = wanted
            # The longest first, or one that begins like another would leave its rest.
            in_use = sorted(set().union(*self._users.values()), key=len, reverse=True)
            self.pattern = re.compile("|".join(map(_spellings, in_use))) if in_use else None
            factory = logging.getLogRecordFactory()
            if self.pattern:
                if not isinstance(factory, _Factory):
                    logging.setLogRecordFactory(_Factory(factory))
                self.stand_before("root")
            else:
                if isinstance(factory, _Factory):
                    logging.setLogRecordFactory(factory.wrapped)
                for handler in list(self._handlers):
                    handler.removeFilter(self)
                self._handlers.clear()

    def stand_before(self, name: str) -> None:
        """Get on all handlers that a record of this logger will meet."""
        known = logging.root.manager.loggerDict.get(name)
        logger: logging.Logger | None = known if isinstance(known, logging.Logger) else logging.root
        while logger:
            for handler in logger.handlers:
                if self not in handler.filters:
                    with self._lock:
                        if self.pattern:  # else it was all taken away meanwhile
                            handler.addFilter(self)
                            self._handlers.add(handler)
            logger = logger.parent if logger.propagate else None

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if pattern := self.pattern:
            _redact_message(record, pattern)
            if record.exc_info:
                _redact_exception(record, record.exc_info, pattern)
            fields = vars(record)
            for field in fields.keys() - _UNTOUCHED:
                value = fields[field]
                if value is not None and pattern.search((text := _shown(value, str)) + _shown(value)):
                    fields[field] = pattern.sub(REDACTED, text)
        return True


class _Factory:
    """Makes a record as the wrapped one does, and puts the filter in its way."""

    def __init__(self, wrapped: Callable[..., logging.LogRecord]) -> None:
        self.wrapped = wrapped

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self.wrapped(*args, **kwargs)
        if _FILTER.pattern:
            _FILTER.stand_before(record.name)
        elif logging.getLogRecordFactory() is self:
            _FILTER.change()  # it could not go in time, as someone else's stood around it
        return record


def _redact_message(record: logging.LogRecord, pattern: re.Pattern[str]) -> None:
    # When a handler fails, it prints these two, formatted or not, ...
    printed = _shown((record.msg, record.args))
    try:
        text = record.getMessage()
    except Exception as err:  # noqa: BLE001 -- an argument's __str__ may raise anything
        # ... and the error with its chain, to which belongs whatever was being handled.
        printed += _shown((type(err), err, err.__traceback__), _traceback)
        text = f"Bad logger message: {_shown(record.msg, str)} {_shown(record.args)}"
    if pattern.search(text) or pattern.search(printed):
        record.msg, record.args = pattern.sub(REDACTED, text), ()


def _redact_exception(
    record: logging.LogRecord, exc_info: tuple[Any, Any, Any], pattern: re.Pattern[str]
) -> None:
    text = _shown(exc_info, _traceback)
    if not text:  # it would make a handler fail, see above
        record.exc_info = None
    elif pattern.search(text):
        kind, err, trace = exc_info
        record.exc_text = pattern.sub(REDACTED, record.exc_text or text)
        # For whoever formats it anew. The system log tells errors apart by the type and the place.
        stand_in = Exception(pattern.sub(REDACTED, _shown(err, str)))
        record.exc_info = (kind, stand_in.with_traceback(trace), trace)


def _shown[T](value: T, show: Callable[[T], str] = repr) -> str:
    try:
        return show(value)
    except Exception:  # noqa: BLE001 -- as above; what cannot be shown shows no secret
        return ""


def _spellings(secret: str) -> str:
    r"""Return the pattern of a secret as it is, as in a URL (%2F) and as in JSON (\/)."""
    spelled = ((re.escape(char), re.escape(quote(char, safe=""))) for char in secret)
    return "".join(raw if raw == url else rf"(?:\\?{raw}|(?i:{url}))" for raw, url in spelled)


_FILTER: Final = _Filter()
