"""The secrets of the tests, and the check that an error or a log shows none of them."""

from collections.abc import Iterable, Iterator
import logging
import traceback
from urllib.parse import quote, quote_plus

from custom_components.smsmobileapi.api import SmsMobileApiError
from tests.conftest import KEY

NUMBER = "+36301234567"
BARE = NUMBER.removeprefix("+")
# No port and no address in memory looks like this.
CODE = "82q53"
TEXT = f"Zoé, the front gate opens with {CODE} & a smile"
CLIENT_ID = "client-51c07"
CLIENT_SECRET = "s3cr3t/5e+41=f0"
TOKEN = "t0k3n.9d-27~e1"
SID = "sid-7f31a9"

SECRETS = (
    *(KEY, CLIENT_ID, CLIENT_SECRET, quote(CLIENT_SECRET), quote_plus(CLIENT_SECRET), TOKEN, SID, BARE),
    *(TEXT, TEXT[:14], CODE, quote(TEXT), quote_plus(TEXT), ascii(TEXT)[1:-1]),
)
# The logs of the other end of the connection.
_OTHER_END = ("simulator", "aiohttp.access", "aiohttp.server", "aiohttp.web")


def secrets_in(text: str) -> list[str]:
    """Return the secrets that are in a text."""
    return [secret for secret in SECRETS if secret in text]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Iterate over an error, its causes and its contexts, also those that `from None` hides."""
    if error is not None:
        yield error
        yield from chain(error.__cause__)
        yield from chain(error.__context__)


def logged(records: Iterable[logging.LogRecord]) -> Iterator[str]:
    """Iterate over all that our side logged, tracebacks and unformatted arguments included."""
    formatter = logging.Formatter()
    for record in records:
        if not record.name.startswith(_OTHER_END):
            yield f"{formatter.format(record)} {record.args!r}"


def assert_no_secret(error: BaseException, records: Iterable[logging.LogRecord]) -> None:
    """Check that the error, its causes and contexts, and the logs show no secret."""
    shown = ["".join(traceback.format_exception(error)), *logged(records)]
    for link in chain(error):
        # aiohttp's errors hold the URL with the key in it, shown or not: none may be the context of ours.
        assert isinstance(link, SmsMobileApiError), type(link)
        shown += [str(link), repr(link), repr(link.args), repr(link.placeholders), repr(vars(link))]
    for text in shown:
        assert not secrets_in(text), text
