"""Promise 7: a secret is in no log line while it is in use, whoever logs it and however."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, redirect_stderr
import io
import itertools
import logging
from pathlib import Path
import traceback
from typing import Any, override

from homeassistant.components import system_log
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util.logging import async_activate_log_queue_handler
from hypothesis import given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.log_filter import MEDIA_PATH, REDACTED, async_redact
from tests.conftest import KEY, settle

SECRET = "k+0123/4567=ab"  # which is spelled in another way in a URL, in JSON and in a regular expression
NUMBER = 8125550199  # a secret of digits, logged as a number
WEBHOOK_ID = "4f1c" * 16
TOKEN = "aB3_-" * 8 + "xyz"

_LOGGER = logging.getLogger("somebody.else")


class Failing:
    """An object that cannot be shown."""

    @override
    def __repr__(self) -> str:
        raise LookupError(SECRET)


@contextmanager
def sole_handler() -> Iterator[io.StringIO]:
    """Let the root logger have one handler only, and return what that writes."""
    handler = logging.StreamHandler(io.StringIO())
    before, logging.root.handlers[:] = logging.root.handlers[:], [handler]
    yield handler.stream
    logging.root.handlers[:] = before


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """What is written by a handler of the root logger that stands before those of pytest."""
    with sole_handler() as stream:
        yield stream


@pytest.fixture
def redacted(output: io.StringIO) -> Iterator[io.StringIO]:
    """What is written while the secrets are in use."""
    end = async_redact(SECRET, str(NUMBER), WEBHOOK_ID)
    yield output
    end()


def logged(output: io.StringIO, message: object, *args: object, **more: Any) -> str:
    """Log an error; return what is written."""
    start = output.tell()
    _LOGGER.error(message, *args, **more)
    return output.getvalue()[start:].removesuffix("\n")


MESSAGES: list[tuple[object, tuple[object, ...], str]] = [
    (f"100% {SECRET} %s", (), f"100% {REDACTED} %s"),
    ("%r, %5.1f", (SECRET, 2.25), f"'{REDACTED}',   2.2"),
    ("%(b)s: %(a)s", ({"a": SECRET, "b": 1},), f"1: {REDACTED}"),
    ("%s", ({"a": [{SECRET}]},), f"{{'a': [{{'{REDACTED}'}}]}}"),
    ("+%d", (NUMBER,), f"+{REDACTED}"),
    ("%r", (ValueError(SECRET),), f"ValueError('{REDACTED}')"),
    (ValueError(SECRET), (), REDACTED),
    ("%s", (SECRET.encode(),), f"b'{REDACTED}'"),
    ("%s", (URL("https://h.test/") % {"apikey": SECRET},), f"https://h.test/?apikey={REDACTED}"),
    ("%s", ("a=k%2B0123%2F4567%3Dab&b",), f"a={REDACTED}&b"),
    ("%s", ("a=k%2b0123/4567%3dab&b",), f"a={REDACTED}&b"),
    ("%s", (r'{"a":"k+0123\/4567=ab"}',), f'{{"a":"{REDACTED}"}}'),
    ("k+0123/%s=ab", (4567,), REDACTED),
    (f"%s {SECRET}{SECRET}", (WEBHOOK_ID,), f"{REDACTED} {REDACTED}{REDACTED}"),
    # Links to media: whatever the token is, also where a link is part of a request to the service.
    (f"https://h.test{MEDIA_PATH}{TOKEN}/a.jpg", (), f"https://h.test{MEDIA_PATH}{REDACTED}/a.jpg"),
    (f"GET {MEDIA_PATH}{TOKEN} HTTP/1.1", (), f"GET {MEDIA_PATH}{REDACTED} HTTP/1.1"),
    (f"%2Fapi%2fsmsmobileapi%2Fmedia%2F{TOKEN}%2Fa", (), f"%2Fapi%2fsmsmobileapi%2Fmedia%2F{REDACTED}%2Fa"),
    (rf'"\/api\/smsmobileapi\/media\/{TOKEN}"', (), rf'"\/api\/smsmobileapi\/media\/{REDACTED}"'),
    # What cannot be formatted: the logging package would print it with its arguments.
    (f"%d {SECRET}", ("none",), f"Bad logger message: %d {REDACTED} ('none',)"),
    ("%s", (SECRET, 5), f"Bad logger message: %s ('{REDACTED}', 5)"),
    ("%(a)s", ({"b": SECRET},), f"Bad logger message: %(a)s {{'b': '{REDACTED}'}}"),
]


def test_a_secret_is_in_no_message(redacted: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    """It is redacted whatever it is part of, and all around it stays as it is."""
    for message, args, expected in MESSAGES:
        assert logged(redacted, message, *args) == expected, f"{message!r} {args}"
    assert capsys.readouterr().err == ""


def test_what_cannot_be_shown(redacted: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    """Logging it raises nothing, and prints no secret: neither of the object nor of an error being handled."""
    with sole_handler() as output:
        async_redact()()  # which finds the handler
        try:
            raise ValueError(SECRET)
        except ValueError:
            assert logged(output, "%d", "none") == "Bad logger message: %d ('none',)"
        for message, args in (("%s", (Failing(),)), (Failing(), ())):
            assert logged(output, message, *args).startswith(f"Bad logger message at {__file__}:")
        assert logged(output, "none", exc_info=True) == "none\nNoneType: None"
        assert capsys.readouterr().err == ""
        assert logged(output, f"odd {SECRET}", exc_info=(1, 2, 3)) == ""
    assert f"Message: 'odd {REDACTED}'\n" in (printed := capsys.readouterr().err) and SECRET not in printed


def test_what_is_no_secret_stays(redacted: io.StringIO, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that looks at the record gets what was logged, not a text of it."""
    shown, error = object(), ValueError("of no value")
    _LOGGER.warning("%s %d: %s", shown, 5, {"k+0123/": error}, exc_info=error)
    (record,) = caplog.records
    assert (record.msg, record.args) == ("%s %d: %s", (shown, 5, {"k+0123/": error}))
    assert record.exc_info == (ValueError, error, None)
    assert record.exc_text == "ValueError: of no value"


def test_which_part_is_the_secret(output: io.StringIO) -> None:
    """Not the blanks around it. What is too short is none, and one that begins like another leaves no rest."""
    ends = [async_redact(*each) for each in (["", "  ", " abc "], [f" {SECRET}\n"], ["lmno"], ["lmnopq"])]
    assert logged(output, f"Say abc  {SECRET} lmnopq lmno") == f"Say abc  {REDACTED} {REDACTED} {REDACTED}"
    for end in ends:
        end()


def test_they_end_in_any_order(output: io.StringIO) -> None:
    """Each ends once, however often it is ended; what several share is redacted until all of them have ended."""
    secrets = ["first both", "both", "both"]
    for order in itertools.permutations(range(3)):
        ends = [async_redact(*each.split()) for each in secrets]
        for count, index in enumerate(order, 1):
            ends[index]()
            ends[index]()
            in_use = " ".join(secrets[other] for other in order[count:]).split()
            expected = [REDACTED if each in in_use else each for each in ("first", "both")]
            assert logged(output, "first both") == " ".join(expected), f"{order}, after {count}"


def test_a_handler_that_is_added_later(redacted: io.StringIO) -> None:
    """It gets what the handlers before it have redacted, and has the filter itself from the next secret on."""
    later = logging.StreamHandler(io.StringIO())
    logging.root.addHandler(later)
    _LOGGER.error("Said %s", SECRET)
    async_redact("another secret")()
    logging.root.handlers[:] = [later]
    _LOGGER.error("Said %s", SECRET)
    assert later.stream.getvalue() == f"Said {REDACTED}\n" * 2


def fail(secret: str) -> None:
    """Raise a group of errors: from another, while another was handled, with a note and a URL."""
    try:
        try:
            raise OSError(5, "first", URL("https://h.test/").with_query(apikey=secret))
        except OSError as err:
            raise RuntimeError(f"second: {secret}") from err
    except RuntimeError:
        third = ValueError(f"third: {secret}")
        third.add_note(f"said of {secret}")
        raise ExceptionGroup("several", [TypeError(), ExceptionGroup("inner", [third])])  # noqa: B904 -- its context counts


@pytest.fixture
async def log_file(
    hass: HomeAssistant, output: io.StringIO, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Path]:
    """The log file, which the queue of Home Assistant is in front of; the system log is the next handler."""
    logging.root.addHandler(logging.FileHandler(path := tmp_path / "home-assistant.log"))
    async_activate_log_queue_handler(hass)
    queue = logging.root.handlers[0]
    assert await async_setup_component(hass, "system_log", {})
    caplog.set_level(logging.DEBUG)
    yield path
    queue.close()


async def test_the_log_of_home_assistant(
    hass: HomeAssistant,
    log_file: Path,
    account: SmsMobileApiConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """What an account has in use is in neither the log file nor the system log, from message to stack."""
    queue, system = logging.root.handlers[:2]
    assert isinstance(system, system_log.LogErrorHandler)
    hass.config_entries.async_update_entry(account, options={"signing_secret": "whsec-0123456789"})
    await settle(hass)
    webhook_id = account.data["webhook_id"]
    client = await hass_client_no_auth()
    await client.get(f"/api/webhook/{webhook_id}")
    await client.post(f"/api/webhook/{webhook_id}")
    expected = [f"payload for {REDACTED}", f"Webhook {REDACTED} only", f"POST /api/webhook/{REDACTED} HTTP"]

    def log(name: str, secret: str, shown: str) -> None:
        try:
            fail(secret)
        except ExceptionGroup:
            logging.getLogger(name).exception("Failed for %s", secret, stack_info=True)
            trace = traceback.format_exc().replace(secret, shown)
            expected.append(f"Failed for {shown}\n{trace}Stack (most recent call last):\n  File")
            expected.append(f'\n  File "<{shown}>", line 1')
            entry = next(each for each in system.records.values() if each.name == name)
            assert [*entry.message, entry.exception] == [f"Failed for {shown}", trace.removesuffix("\n")]
            assert entry.root_cause is not None and entry.root_cause[2] == "fail"

    secrets = {KEY, webhook_id, "whsec-0123456789", f"{MEDIA_PATH}{TOKEN}"}
    for number, secret in enumerate(secrets):
        shown = secret.replace(TOKEN, REDACTED) if TOKEN in secret else REDACTED
        # A place in the code that is named like the secret, so that it is part of the stack.
        place = compile("log(f'log_{number}', secret, shown)", f"<{secret}>", "eval")
        eval(place, {"log": log, "number": number, "secret": secret, "shown": shown})
    queue.close()  # which waits until all is written
    written = await hass.async_add_executor_job(log_file.read_text)
    assert [text for text in expected if text not in written] == []
    assert [secret for secret in secrets | {TOKEN} if secret in written] == []


def with_secret(secret: str) -> st.SearchStrategy[tuple[str, str, list[Any]]]:
    """The secret, and a message and arguments with it anywhere in them."""
    text = st.lists(st.just(secret) | st.text(max_size=5) | st.just("Qx7"), max_size=4).map("".join)
    values = st.recursive(
        text | st.integers() | st.none() | st.binary(max_size=5) | text.map(ValueError),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    )
    named = st.fixed_dictionaries({"a": values, "b": values}).map(lambda each: [each])
    pieces = st.sampled_from(["%s", "%r", "%a", "%d", "%5.3f", "%(a)s", "%(b)r", "%%", "%", " ", "a", "Qx7"])
    message = st.lists(pieces | text, max_size=6).map("".join)
    return st.tuples(st.just(secret), message, st.lists(values, max_size=4) | named)


# The secret begins with what no file name or wording of the logging package has.
@settings(deadline=None)  # it is about what is shown, on a busy machine, too
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=1, max_size=12)
    .map(lambda text: f"Qx7{text}_")
    .flatmap(with_secret)
)
def test_any_message_with_any_arguments(drawn: tuple[str, str, list[Any]]) -> None:
    """A secret is in no output of a handler, nor in what the logging package prints when that fails."""
    secret, message, args = drawn
    with redirect_stderr(io.StringIO()) as printed, sole_handler() as output:
        end = async_redact(secret)
        _LOGGER.error(message, *args)
        end()
    assert secret not in output.getvalue() + printed.getvalue()
