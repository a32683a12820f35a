"""Nobody else: a secret is in no log line while it is in use, whoever logs it, however, and wherever to."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import redirect_stderr
from http import HTTPStatus
import io
import itertools
import logging
import sys
from threading import Event
import traceback
from typing import Any, override

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.web_log import AccessLogger
from homeassistant.components import system_log, webhook
from homeassistant.core import CALLBACK_TYPE, HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util.logging import HomeAssistantQueueHandler, async_activate_log_queue_handler
from hypothesis import given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.smsmobileapi.log_filter import REDACTED, async_redact

SECRET = "k+0123/4567=ab"  # what a URL, JSON and a regular expression all spell in their own way
NUMBER = 8125550199  # one that arrives as a number
WEBHOOK_ID = "4f1c" * 16

_LOGGER = logging.getLogger("somebody.else")

type Redact = Callable[..., CALLBACK_TYPE]


class Output(logging.StreamHandler[io.StringIO]):
    """A handler, and what it has written."""

    def __init__(self, layout: str = "%(message)s") -> None:
        super().__init__(io.StringIO())
        self.setFormatter(logging.Formatter(layout))
        self.seen: list[logging.LogRecord] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record)
        super().emit(record)

    @property
    def text(self) -> str:
        return self.stream.getvalue()


class Shown:
    """An object that shows one text as str and another as repr, or fails to."""

    def __init__(self, text: str, represented: str = "<an object>", *, fails: bool = False) -> None:
        self._text = text
        self._represented = represented
        self._fails = fails

    @override
    def __str__(self) -> str:
        if self._fails:
            raise LookupError(self._text)
        return self._text

    @override
    def __repr__(self) -> str:
        if self._fails:
            raise LookupError
        return self._represented


def left_behind() -> list[logging.Filter]:
    """Return what stands on the handlers of any logger."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    return [
        each
        for logger in loggers
        for handler in getattr(logger, "handlers", ())
        for each in handler.filters
        if type(each).__module__.startswith("custom_components.smsmobileapi")
    ]


@pytest.fixture(autouse=True)
def redact() -> Iterator[Redact]:
    """Let a test redact; each ends with nothing left behind."""
    factory = logging.getLogRecordFactory()
    ends: list[CALLBACK_TYPE] = []

    def begin(*secrets: str) -> CALLBACK_TYPE:
        ends.append(async_redact(*secrets))
        return ends[-1]

    yield begin
    for end in ends:
        end()
    assert logging.getLogRecordFactory() is factory
    assert left_behind() == []


@pytest.fixture
def in_use(redact: Redact) -> CALLBACK_TYPE:
    """Have the secrets in use; ends that."""
    return redact(SECRET, str(NUMBER), WEBHOOK_ID)


@pytest.fixture
def output() -> Iterator[Output]:
    """A handler that was there before."""
    handler = Output()
    logging.root.addHandler(handler)
    yield handler
    logging.root.removeHandler(handler)


@pytest.fixture
def alone() -> Iterator[Output]:
    """A handler of a logger that does not propagate."""
    handler = Output()
    _LOGGER.addHandler(handler)
    _LOGGER.propagate = False
    yield handler
    _LOGGER.removeHandler(handler)
    _LOGGER.propagate = True


@pytest.mark.parametrize(
    ("message", "args", "expected"),
    [
        (f"It is {SECRET}.", (), f"It is {REDACTED}."),
        (f"100% {SECRET} %s", (), f"100% {REDACTED} %s"),
        ("%s and %s", (SECRET, 5), f"{REDACTED} and 5"),
        ("%r, %5.1f", (SECRET, 2.25), f"'{REDACTED}',   2.2"),
        ("%(b)s: %(a)s", ({"a": SECRET, "b": 1},), f"1: {REDACTED}"),
        ("%s", ({"a": [{SECRET}]},), f"{{'a': [{{'{REDACTED}'}}]}}"),
        ("%d", (NUMBER,), REDACTED),
        ("+%s", (NUMBER,), f"+{REDACTED}"),
        ("%s", (ValueError(SECRET),), REDACTED),
        ("%r", (ValueError(SECRET),), f"ValueError('{REDACTED}')"),
        (ValueError(SECRET), (), REDACTED),
        ("%s", (SECRET.encode(),), f"b'{REDACTED}'"),
        ("%s", (URL("https://h.test/") % {"apikey": SECRET},), f"https://h.test/?apikey={REDACTED}"),
        ("%s", ("a=k%2B0123%2F4567%3Dab&b",), f"a={REDACTED}&b"),
        ("%s", ("a=k%2b0123/4567%3dab&b",), f"a={REDACTED}&b"),
        ("%s", (r'{"a":"k+0123\/4567=ab"}',), f'{{"a":"{REDACTED}"}}'),
        ("%s", (Shown(SECRET),), REDACTED),
        ("%r", (Shown("", f"<{SECRET}>"),), f"<{REDACTED}>"),
        ("k+0123/%s=ab", (4567,), REDACTED),
        (f"%s {SECRET}{SECRET}", (WEBHOOK_ID,), f"{REDACTED} {REDACTED}{REDACTED}"),
    ],
)
def test_a_secret_is_in_no_message(
    output: Output, in_use: CALLBACK_TYPE, message: object, args: Sequence[object], expected: str
) -> None:
    """Whatever it is part of, it is redacted, and all around it stays as it is."""
    _LOGGER.error(message, *args)
    assert output.text == f"{expected}\n"
    record = output.seen[0]
    assert (record.name, record.levelno, record.funcName) == (
        "somebody.else",
        logging.ERROR,
        "test_a_secret_is_in_no_message",
    )
    assert SECRET not in repr((record.msg, record.args))


def test_what_is_no_secret_stays(output: Output, in_use: CALLBACK_TYPE) -> None:
    """A handler that looks at the arguments gets what was logged, not a text of it."""
    shown, error = Shown("an object"), ValueError("of no value")
    _LOGGER.warning("%s %d %r: %s", shown, 5, b"bytes", {"k+0123/": error}, extra={"by": error})
    _LOGGER.error("%(a)s", {"a": shown}, exc_info=error)
    first, second = output.seen
    assert first.msg == "%s %d %r: %s"
    assert first.args == (shown, 5, b"bytes", {"k+0123/": error})
    assert vars(first)["by"] is error
    assert second.args == {"a": shown}
    assert second.exc_info == (ValueError, error, None)
    assert output.text.startswith("an object 5 b'bytes': {'k+0123/': ValueError('of no value')}\nan object\n")


@pytest.mark.parametrize("secret", ["", "  ", "abc", " abc "])
def test_too_short_is_no_secret(output: Output, redact: Redact, secret: str) -> None:
    redact(secret)
    _LOGGER.error("Say abc  ")
    assert output.text == "Say abc  \n"
    assert left_behind() == []


def test_a_pasted_secret_is_redacted_without_its_blanks(output: Output, redact: Redact) -> None:
    redact(f" {SECRET}\n")
    _LOGGER.error("Say %s.", SECRET)
    assert output.text == f"Say {REDACTED}.\n"


def test_of_two_secrets_that_begin_alike_none_leaves_a_rest(output: Output, redact: Redact) -> None:
    redact("abcd")
    redact("abcdefgh")
    redact("abcdef")
    _LOGGER.error("abcdefgh abcdef abcd")
    assert output.text == f"{REDACTED} {REDACTED} {REDACTED}\n"


@pytest.mark.parametrize(
    ("message", "args", "shown"),
    [
        (f"%d {SECRET}", ("none",), f"Bad logger message: %d {REDACTED} ('none',)"),
        ("%s", (SECRET, 5), f"Bad logger message: %s ('{REDACTED}', 5)"),
        ("%(a)s", ({"b": SECRET},), f"Bad logger message: %(a)s {{'b': '{REDACTED}'}}"),
        ("%s", (Shown(SECRET, fails=True),), "Bad logger message: %s "),
        (Shown(SECRET, fails=True), (), "Bad logger message:  ()"),
    ],
)
def test_a_message_that_cannot_be_formatted(
    alone: Output,
    in_use: CALLBACK_TYPE,
    capsys: pytest.CaptureFixture[str],
    message: object,
    args: Sequence[object],
    shown: str,
) -> None:
    """The logging package prints it, its arguments and the error; nothing of that where a secret shows."""
    _LOGGER.error(message, *args)
    assert alone.text == f"{shown}\n"
    assert capsys.readouterr().err == ""


def test_a_message_that_cannot_be_formatted_while_an_error_is_handled(
    alone: Output, in_use: CALLBACK_TYPE, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was being handled belongs to the error's chain, which is printed."""
    try:
        raise ValueError(SECRET)
    except ValueError:
        _LOGGER.error("%d", "none")
    assert alone.text == "Bad logger message: %d ('none',)\n"
    assert capsys.readouterr().err == ""


def test_a_bad_message_without_a_secret_is_told_of_as_ever(
    alone: Output, in_use: CALLBACK_TYPE, capsys: pytest.CaptureFixture[str]
) -> None:
    _LOGGER.error("%d", "none")
    assert alone.text == ""
    assert "Message: '%d'\nArguments: ('none',)\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("message", "arg"),
    [("%(a)s", {"a": "that", "b": SECRET}), ("%.1s", SECRET), ("%s", Shown("that", SECRET))],
)
def test_a_handler_that_fails_has_no_secret_to_print(
    alone: Output,
    in_use: CALLBACK_TYPE,
    capsys: pytest.CaptureFixture[str],
    message: str,
    arg: object,
) -> None:
    """The logging package then prints arguments of which the message shows nothing."""
    expected = message % arg
    alone.stream.close()
    _LOGGER.error(message, arg)
    printed = capsys.readouterr().err
    assert f"Message: {expected!r}\n" in printed
    assert SECRET not in printed


def test_what_cannot_be_shown_disturbs_nobody(alone: Output, in_use: CALLBACK_TYPE) -> None:
    """A filter never raises: what it cannot look at is left to the handler, or left out."""
    hidden = Shown("", fails=True)
    _LOGGER.error("%s", Shown("that", "", fails=False), extra={"hidden": hidden})
    _LOGGER.error("%(a)s", {"a": 1, "b": hidden})
    _LOGGER.error("odd", exc_info=(1, 2, 3))  # type: ignore[arg-type] # on purpose
    _LOGGER.error("none", exc_info=True)  # noqa: LOG014 - on purpose
    assert alone.text == "that\n1\nodd\nnone\nNoneType: None\n"


def raise_directly() -> None:
    raise ValueError(f"at https://h.test/?apikey={SECRET}")


def raise_from_it() -> None:
    try:
        raise_directly()
    except ValueError as err:
        raise RuntimeError("harmless") from err


def raise_after_it() -> None:
    try:
        raise_from_it()
    except RuntimeError:
        raise LookupError("harmless")  # noqa: B904 - the chain is what is tested


def raise_group() -> None:
    try:
        raise_after_it()
    except LookupError as err:
        raise ExceptionGroup("several", [TypeError("harmless"), ExceptionGroup("inner", [err])]) from None


def raise_with_note() -> None:
    err = ValueError("harmless")
    err.add_note(f"said of {SECRET}")
    raise err


def raise_for_url() -> None:
    raise OSError(5, "harmless", URL("https://h.test/").with_query(apikey=SECRET))


RAISERS = [raise_directly, raise_from_it, raise_after_it, raise_group, raise_with_note, raise_for_url]


class Anew(logging.Formatter):
    """A formatter that formats exceptions itself, each time."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        assert record.exc_info
        return record.getMessage() + "".join(traceback.format_exception(record.exc_info[1]))


@pytest.mark.parametrize("raiser", RAISERS)
def test_a_secret_is_in_no_traceback(
    output: Output, in_use: CALLBACK_TYPE, raiser: Callable[[], None]
) -> None:
    """Not of the exception, its cause, what it came during, its group or its notes; the rest of it stays."""
    anew = Output()
    anew.setFormatter(Anew())
    logging.root.addHandler(anew)
    try:
        raiser()
    except Exception as err:
        expected = traceback.format_exc()
        kind, trace = type(err), err.__traceback__
        _LOGGER.exception("Failed")
    finally:
        logging.root.removeHandler(anew)
    for spelling in (SECRET, "k%2B0123/4567%3Dab"):
        expected = expected.replace(spelling, REDACTED)
    assert REDACTED in expected
    assert output.text == f"Failed\n{expected}"
    assert "k+0123" not in anew.text
    assert "k%2B" not in anew.text
    assert f"in {raiser.__name__}\n" in anew.text  # where it was is still told
    for record in output.seen:
        assert record.exc_info
        assert record.exc_info[0] is kind
        assert record.exc_info[2] is trace


def test_what_else_a_record_brings_along(output: Output, in_use: CALLBACK_TYPE) -> None:
    """The stack, a traceback that another formatter left there, a task's name, whatever `extra` added."""
    output.setFormatter(logging.Formatter("%(message)s %(url)s %(more)s %(shown)s %(taskName)s"))
    _LOGGER.handle(  # made by no logger, but by a socket's other end
        logging.makeLogRecord(
            {
                "msg": "Said",
                "levelno": logging.ERROR,
                "exc_text": f"Traceback: {SECRET}",
                "stack_info": f"Stack: {SECRET}",
                "taskName": f"Task {WEBHOOK_ID}",
                "url": URL("https://h.test/") % {"apikey": SECRET},
                "more": {"a": SECRET},
                "hidden": Shown("that", SECRET),
                "shown": Shown(SECRET),
            }
        )
    )
    assert output.text == (
        f"Said https://h.test/?apikey={REDACTED} {{'a': '{REDACTED}'}} {REDACTED} Task {REDACTED}\n"
        f"Traceback: {REDACTED}\nStack: {REDACTED}\n"
    )
    assert SECRET not in repr(vars(output.seen[0]))


def test_the_stack_of_a_call(output: Output, in_use: CALLBACK_TYPE) -> None:
    code = compile("log('Said', stack_info=True)", f"<{SECRET}>", "eval")
    eval(code, {"log": _LOGGER.error})  # a frame with the secret in its place
    assert f'File "<{REDACTED}>"' in output.text
    assert SECRET not in output.text


@pytest.mark.parametrize("name", ["somebody.else", "somebody", "somebody.new", "root"])
@pytest.mark.parametrize("propagate", [True, False])
def test_a_handler_that_is_added_later(in_use: CALLBACK_TYPE, name: str, propagate: bool) -> None:
    """It sees no secret from its first record on, at whatever logger, whether that propagates or not."""
    logger, later = logging.getLogger(name), Output()
    later.addFilter(lambda record: True)  # somebody else's
    logger.addHandler(later)
    logger.propagate = propagate
    try:
        (logger if name == "somebody.new" else _LOGGER).error("Said %s", SECRET, extra={"url": SECRET})
    finally:
        logger.removeHandler(later)
        logger.propagate = True
    assert later.text == f"Said {REDACTED}\n"
    assert SECRET not in repr(vars(later.seen[0]))


def test_a_handler_that_was_there_at_a_logger_that_does_not_propagate(
    alone: Output, in_use: CALLBACK_TYPE
) -> None:
    _LOGGER.getChild("child").error("Said %s", SECRET)
    assert alone.text == f"Said {REDACTED}\n"


def test_a_handler_that_keeps_records_and_formats_them_afterwards(redact: Redact, output: Output) -> None:
    """As the cloud does for its support package."""
    end = redact(SECRET)
    _LOGGER.error("Said %s", SECRET)
    end()
    assert output.format(output.seen[0]) == f"Said {REDACTED}"


def test_a_logger_that_the_logging_package_does_not_know(output: Output, in_use: CALLBACK_TYPE) -> None:
    """What another package built itself is covered where its records reach known handlers."""
    logging.getLogger("unknown.but.a.place")
    for name in ("unknown", "unknown.elsewhere"):
        logger = logging.Logger(name)  # noqa: LOG001 - on purpose
        logger.parent = logging.root
        logger.error("Said %s", SECRET)
    assert output.text == f"Said {REDACTED}\n" * 2


def test_caplog(caplog: pytest.LogCaptureFixture, in_use: CALLBACK_TYPE) -> None:
    _LOGGER.error("Said %s", SECRET)
    assert caplog.messages == [f"Said {REDACTED}"]
    assert caplog.records[0].args == ()


async def test_the_log_of_home_assistant(hass: HomeAssistant, output: Output, redact: Redact) -> None:
    """Its handlers write in a thread of their own, behind a queue; the system log has the source of an error."""
    before = logging.root.handlers[:]
    assert await async_setup_component(hass, "system_log", {})
    system: system_log.LogErrorHandler = hass.data[system_log.DOMAIN]
    logging.root.removeHandler(system)
    async_activate_log_queue_handler(hass)
    queue = next(each for each in logging.root.handlers if isinstance(each, HomeAssistantQueueHandler))
    logging.root.addHandler(system)
    try:
        redact(SECRET, WEBHOOK_ID)
        try:
            raise_from_it()
        except RuntimeError:
            _LOGGER.exception("Failed for %s", WEBHOOK_ID)
    finally:
        queue.close()
        for handler in (queue, system):
            logging.root.removeHandler(handler)
        logging.root.handlers[:] = before
    assert f"Failed for {REDACTED}\nTraceback (most recent call last):\n" in output.text
    assert f"ValueError: at https://h.test/?apikey={REDACTED}\n" in output.text
    (entry,) = (each.to_dict() for each in system.records.values() if each.name == "somebody.else")
    assert entry["message"] == [f"Failed for {REDACTED}"]
    assert f"apikey={REDACTED}" in entry["exception"]
    assert "harmless" in entry["exception"]
    (key,) = (key for key in system.records if key[0] == "somebody.else")
    assert key[2] is not None and key[2][2] == "raise_from_it"
    assert SECRET not in output.text + str(entry)


async def test_the_webhook_component(
    hass: HomeAssistant,
    hass_client_no_auth: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
    in_use: CALLBACK_TYPE,
) -> None:
    """It logs the id of each request, and of a handler that fails; before we are asked, and after us."""
    caplog.set_level(logging.DEBUG)
    assert await async_setup_component(hass, "webhook", {})
    client = await hass_client_no_auth()

    async def handle(hass: HomeAssistant, webhook_id: str, request: web.Request) -> web.Response:
        raise ValueError(f"{webhook_id} at {request.url}")

    assert (await client.post(f"/api/webhook/{WEBHOOK_ID}")).status == HTTPStatus.OK
    webhook.async_register(hass, "smsmobileapi", "An account", WEBHOOK_ID, handle)
    assert (await client.get(f"/api/webhook/{WEBHOOK_ID}")).status == HTTPStatus.METHOD_NOT_ALLOWED
    assert (await client.post(f"/api/webhook/{WEBHOOK_ID}")).status == HTTPStatus.OK
    for logged in (
        f"Handling webhook POST payload for {REDACTED}",
        f"Received message for unregistered webhook {REDACTED}",
        f"Webhook {REDACTED} only supports",
        f"Error processing webhook {REDACTED}",
        f"ValueError: {REDACTED} at http://127.0.0.1",
    ):
        assert logged in caplog.text
    assert WEBHOOK_ID not in caplog.text


def test_the_access_log(output: Output, in_use: CALLBACK_TYPE) -> None:
    """Its lines are finished text, and bring the request's line along once more."""
    request = make_mocked_request("POST", f"/api/webhook/{WEBHOOK_ID}?apikey=k%2B0123/4567%3Dab")
    logger = logging.getLogger("aiohttp.access")
    logger.setLevel(logging.INFO)
    try:
        AccessLogger(logger, '"%r" %s').log(request, web.Response(), 0.1)
    finally:
        logger.setLevel(logging.NOTSET)
    assert output.text == f'"POST /api/webhook/{REDACTED}?apikey={REDACTED} HTTP/1.1" 200\n'
    assert WEBHOOK_ID not in repr(vars(output.seen[0]))


def test_a_secret_that_two_accounts_share(output: Output, redact: Redact) -> None:
    """It stays out of the logs until both have ended, each of them once however often it says so."""
    first, second = redact(SECRET, WEBHOOK_ID), redact(SECRET)
    first()
    first()
    _LOGGER.error("%s %s", SECRET, WEBHOOK_ID)
    second()
    _LOGGER.error("%s", SECRET)
    assert output.text == f"{REDACTED} {WEBHOOK_ID}\n{SECRET}\n"


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_they_end_in_any_order(output: Output, redact: Redact, order: Sequence[int]) -> None:
    secrets = ["secret-1", "secret-2", "secret-3"]
    factory = logging.getLogRecordFactory()
    ends = [redact(secret) for secret in secrets]
    for count, index in enumerate(order, 1):
        assert logging.getLogRecordFactory() is not factory
        ends[index]()
        _LOGGER.error(" ".join(secrets))
        ended = order[:count]
        expected = [secret if index in ended else REDACTED for index, secret in enumerate(secrets)]
        assert output.text.splitlines()[-1] == " ".join(expected)
    assert logging.getLogRecordFactory() is factory
    assert left_behind() == []


def test_nothing_stays_at_a_handler_that_was_removed_meanwhile(redact: Redact) -> None:
    end, removed = redact(SECRET), Output()
    _LOGGER.addHandler(removed)
    _LOGGER.error("Hello")
    _LOGGER.removeHandler(removed)
    assert removed.filters
    end()
    assert removed.filters == []


class Foreign:
    """What another integration does: a factory around the one in force that puts it back in the end."""

    def __init__(self) -> None:
        self._before = logging.getLogRecordFactory()
        logging.setLogRecordFactory(self)

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._before(*args, **kwargs)
        record.foreign = True
        return record

    def end(self) -> None:
        logging.setLogRecordFactory(self._before)


def test_another_factory_below(output: Output, redact: Redact) -> None:
    """Ours is around it, and puts it back."""
    foreign = Foreign()
    end = redact(SECRET)
    _LOGGER.error(SECRET)
    end()
    assert logging.getLogRecordFactory() is foreign
    foreign.end()
    assert output.text == f"{REDACTED}\n"
    assert vars(output.seen[0])["foreign"]


def test_another_factory_above(output: Output, redact: Redact) -> None:
    """Ours cannot go while another is around it; it does nothing until it can, and serves if needed again."""
    factory = logging.getLogRecordFactory()
    end = redact(SECRET)
    foreign = Foreign()
    end()
    assert logging.getLogRecordFactory() is foreign
    _LOGGER.error(SECRET)
    assert left_behind() == []
    again = redact(WEBHOOK_ID)
    _LOGGER.error(WEBHOOK_ID)
    again()
    assert logging.getLogRecordFactory() is foreign
    foreign.end()
    _LOGGER.error(SECRET)
    assert logging.getLogRecordFactory() is factory
    assert output.text == f"{SECRET}\n{REDACTED}\n{SECRET}\n"
    assert [hasattr(record, "foreign") for record in output.seen] == [True, True, False]


def test_another_factory_that_drops_ours(output: Output, redact: Redact) -> None:
    """The handlers that we stand on stay covered, and the next account makes it good."""
    foreign = Foreign()
    redact(SECRET)
    foreign.end()
    _LOGGER.error(SECRET)
    redact(WEBHOOK_ID)
    later = Output()
    _LOGGER.addHandler(later)
    _LOGGER.error(SECRET)
    _LOGGER.removeHandler(later)
    assert output.text == f"{REDACTED}\n" * 2
    assert later.text == f"{REDACTED}\n"


def test_many_threads(output: Output, redact: Redact) -> None:
    """Records are made anywhere, while handlers and secrets come and go; nothing of ours stays."""
    handlers = []

    def log(number: int) -> None:
        logger = logging.getLogger(f"somebody.thread_{number}")
        for _ in range(50):
            handler = Output()
            handlers.append(handler)
            logger.addHandler(handler)
            logger.error("Said %s", SECRET)
            logger.removeHandler(handler)

    redact(SECRET)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as threads:
            running = [threads.submit(log, number) for number in range(8)]
            while not all(each.done() for each in running):
                redact(WEBHOOK_ID)()
        for each in running:
            each.result()
        assert output.text == f"Said {REDACTED}\n" * 400
        assert {handler.text for handler in handlers} == {f"Said {REDACTED}\n"}
    finally:
        sys.setswitchinterval(interval)


def test_a_thread_that_is_late(redact: Redact) -> None:
    """It is about to put the filter on a handler when the last secret ends."""
    end, handler = redact(SECRET), Output()

    class Ends(logging.Filter):
        @override
        def __eq__(self, other: object) -> bool:  # asked whether it is our filter
            end()
            return False

        __hash__ = logging.Filter.__hash__

    handler.addFilter(Ends())
    _LOGGER.addHandler(handler)
    _LOGGER.error("Said")
    _LOGGER.removeHandler(handler)
    assert [type(each) for each in handler.filters] == [Ends]


def test_a_thread_that_is_slow(redact: Redact) -> None:
    """It is just putting the filter on a handler when the last secret ends."""
    end, entered, go_on = redact(SECRET), Event(), Event()

    class Slow(Output):
        @override
        def addFilter(self, filter: Any) -> None:
            entered.set()
            go_on.wait(5)
            super().addFilter(filter)

    handler = Slow()
    _LOGGER.addHandler(handler)
    with ThreadPoolExecutor(2) as threads:
        threads.submit(_LOGGER.error, "Said")
        assert entered.wait(5)
        ending = threads.submit(end)
        wait([ending], timeout=0.1)
        go_on.set()
    _LOGGER.removeHandler(handler)
    assert handler.filters == []


# Begins with what no file name or wording of the logging package has, so that it shows only where it was put.
SECRETS = (
    st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=1, max_size=12)
    .map("Qx7".__add__)
    .filter(lambda secret: secret == secret.strip() and len(secret) >= 4)
)
PIECES = st.sampled_from(["%s", "%r", "%a", "%d", "%5.3f", "%(a)s", "%(b)r", "%%", "%", " ", "a", "Qx7"])


def with_secret(secret: str) -> st.SearchStrategy[tuple[str, list[Any]]]:
    """A message and arguments, with the secret anywhere in them."""
    text = st.lists(st.just(secret) | st.text(max_size=5) | st.just("Qx7"), max_size=4).map("".join)
    values = st.recursive(
        text | st.integers() | st.none() | st.binary(max_size=5) | text.map(ValueError) | text.map(Shown),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    )
    mapping = st.fixed_dictionaries({"a": values}, optional={"b": values})
    args = st.lists(values, max_size=4) | mapping.map(lambda each: [each])
    return st.tuples(st.lists(PIECES | text, max_size=6).map("".join), args)


@settings(deadline=None)  # it is about what is shown, on a busy machine, too
@given(SECRETS.flatmap(lambda secret: st.tuples(st.just(secret), with_secret(secret))))
def test_any_message_with_any_arguments(drawn: tuple[str, tuple[str, list[Any]]]) -> None:
    """A secret is in no output of a handler, nor in what the logging package prints when that fails."""
    secret, (message, args) = drawn
    logger, handler, printed = logging.getLogger("somebody.any"), Output(), io.StringIO()
    logger.addHandler(handler)
    logger.propagate = False
    end = async_redact(secret)
    try:
        with redirect_stderr(printed):
            logger.error(message, *args)
    finally:
        end()
        logger.removeHandler(handler)
    assert secret not in handler.text
    assert secret not in printed.getvalue()
    assert all(secret not in repr(record.args) for record in handler.seen)
