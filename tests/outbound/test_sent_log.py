"""The sent log may have a text in another form: what it has is not sent twice, and nothing else is taken for it."""

import asyncio
from collections.abc import Callable
from itertools import chain
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from hypothesis import given, strategies as st
import pytest

from custom_components.smsmobileapi.account import SmsMobileApiConfigEntry
from custom_components.smsmobileapi.api import Channel, SendRequest
from custom_components.smsmobileapi.outbound.delivery import _is_text, _likeness
from simulator import Account, SentMessage, Simulator, sending

from ..conftest import settle
from .sending import ANNA, LOG, SEND, do_not_wait, requests, send, send_in_vain

LOOK = "Look here: https://example.com/a/very/long/path?key=1 and call me."
SHORTENED = "Look here: https://s.example/x1 and call me."
SECRET = "The key is under the mat."
CODE = "U2FsdGVkX1+0Zk3vQw8bJb0n2oXc9u1mY7pT5rLqKxE="
NOON = "2026-01-15 12:00:00+01:00"
# At six in the evening.
SIX = "2026-01-15 18:00:00+01:00"
SIX_SECOND = 1768496400

type Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_wait(monkeypatch)


def dress_log(monkeypatch: pytest.MonkeyPatch, change: Callable[[Row, SentMessage], Row]) -> None:
    """Have the log of sent messages changed."""
    plain = sending._row

    def row(service_account: Account, sent: SentMessage) -> Row:
        fields = plain(service_account, sent)
        return {**fields, **change(fields, sent)}

    monkeypatch.setattr(sending, "_row", row)


def has_texts(monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]) -> None:
    """Have the log write these texts in another way."""
    dress_log(monkeypatch, lambda row, _: {"message": texts.get(row["message"], row["message"])})


def somebody_sent(service_account: Account, text: str, at: float | None = None) -> None:
    """Have another program send to the same number."""
    now = time.time() if at is None else at
    form = {"recipients": ANNA, "message": text}
    service_account.sent.append(
        SentMessage(fields=form, guid="another's", at=now, channel="sms", due=now, sid="phone-1")
    )


async def message_ids(home: HomeAssistant, **data: Any) -> list[str]:
    return [row["message_id"] for row in await send(home, **data)]


def guids(service_account: Account) -> list[str]:
    return [message.guid for message in service_account.sent]


# Links made short.


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("text", "logged"),
    [
        (LOOK, SHORTENED),
        (LOOK, LOOK),
        (LOOK, "Look here: s.example/x1 and call me."),
        ("https://example.com", "https://s.example/x1"),
        ("HTTPS://EXAMPLE.COM/A!", "https://s.example/x1!"),
        ("(www.example.com/a),\nor http://example.org.", "(https://s.example/1), or https://s.example/2"),
        ("Read example.com/news today", "Read https://s.example/x1 today"),
    ],
)
@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
async def test_a_text_with_short_links_is_found(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    channel: str,
    text: str,
    logged: str,
) -> None:
    has_texts(monkeypatch, {text: logged})
    for kind in ("drop_after", "drop_before", "drop_after"):
        simulator.fault(SEND, kind)
        await send(home, message=text, short_links=True, channel=channel)
    assert len(service_account.sent) == 3


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("short_links", "logged"),
    [
        # Nothing was to be made short.
        (False, SHORTENED),
        (True, "Look there: https://s.example/x1 and call me."),
        (True, "Look here: https://s.example/x1 and call me"),
        (True, "https://s.example/x1"),
        (True, "Look here: door and call me."),
        (True, "Look here: and call me."),
        (True, f"{SHORTENED} Now."),
    ],
)
async def test_another_text_is_not_taken_for_it(
    home: HomeAssistant, simulator: Simulator, service_account: Account, short_links: bool, logged: str
) -> None:
    somebody_sent(service_account, logged)
    simulator.fault(SEND, "drop_before")
    (message_id,) = await message_ids(home, message=LOOK, short_links=short_links)
    assert guids(service_account) == ["another's", message_id]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("kinds", [("drop_before", "drop_after"), ("drop_after", "drop_before")])
@pytest.mark.parametrize("wishes", [(True, True), (True, False), (False, True)])
async def test_two_that_look_alike_in_the_log_are_not_taken_for_each_other(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    kinds: tuple[str, str],
    wishes: tuple[bool, bool],
) -> None:
    """Each with a link of its own, at once; one was taken, the other was not."""
    one, other = "Door: https://example.com/1", "Door:  https://example.com/2"

    def shorten(row: Row, sent: SentMessage) -> Row:
        return {"message": "Door: https://s.example/x" if "shorturl" in sent.fields else row["message"]}

    dress_log(monkeypatch, shorten)
    for kind in kinds:
        simulator.fault(SEND, kind)
    ids = await asyncio.gather(
        message_ids(home, message=one, short_links=wishes[0]),
        message_ids(home, message=other, short_links=wishes[1]),
    )
    assert sorted(message.fields["message"] for message in service_account.sent) == [other, one]
    assert sorted(chain.from_iterable(ids)) == sorted(guids(service_account))


# Encrypted.


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("logged", [SECRET, CODE, CODE.lower(), CODE * 3])
@pytest.mark.parametrize("is_short", [False, True])
async def test_an_encrypted_text_is_found_as_it_is_and_as_a_code(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    logged: str,
    is_short: bool,
) -> None:
    has_texts(monkeypatch, {SECRET: logged})
    for kind in ("drop_after", "drop_before", "drop_after"):
        simulator.fault(SEND, kind)
        await send(home, message=SECRET, encrypt=True, short_links=is_short)
    assert len(service_account.sent) == 3


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "logged", ["", "***", "[encrypted message]", "This text is encrypted and can't be shown."]
)
async def test_where_the_log_may_have_it_in_a_form_that_nobody_knows_it_is_not_sent_twice(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    logged: str,
) -> None:
    has_texts(monkeypatch, {SECRET: logged})
    simulator.fault(SEND, "drop_after")
    assert await send_in_vain(home, message=SECRET, encrypt=True) == "may_have_been_sent"
    assert len(service_account.sent) == len(requests(service_account)) == 1


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("text", ["ALARM", "Dinner is ready.", "The key is under the rug."])
async def test_an_encrypted_text_is_not_lost_to_another_message(
    home: HomeAssistant, simulator: Simulator, service_account: Account, text: str
) -> None:
    """Of another program: whether it is ours can't be told, so nothing is claimed."""
    somebody_sent(service_account, text)
    simulator.fault(SEND, "drop_before")
    assert await send_in_vain(home, message=SECRET, encrypt=True) == "may_have_been_sent"
    assert guids(service_account) == ["another's"]


@pytest.mark.usefixtures("account")
async def test_an_encrypted_text_is_not_lost_to_another_message_of_ours(
    home: HomeAssistant, simulator: Simulator, service_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is in the log already, while its answer is still on its way."""
    has_texts(monkeypatch, {SECRET: CODE})
    plain = "Short"
    simulator.fault(SEND, "drop_before")
    simulator.fault(SEND, "delay", seconds=0.3, taken=True)
    ids = await asyncio.gather(
        message_ids(home, message=SECRET, encrypt=True), message_ids(home, message=plain * 10)
    )
    assert [message.fields["message"] for message in service_account.sent] == [plain * 10, SECRET]
    assert sorted(chain.from_iterable(ids)) == sorted(guids(service_account))


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("kinds", [("drop_before", "drop_after"), ("drop_after", "drop_before")])
async def test_two_encrypted_ones_at_once_are_not_taken_for_each_other(
    home: HomeAssistant,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    kinds: tuple[str, str],
) -> None:
    other = "The key is under the rug."
    has_texts(monkeypatch, {SECRET: CODE, other: CODE})
    for kind in kinds:
        simulator.fault(SEND, kind)
    ids = await asyncio.gather(
        message_ids(home, message=SECRET, encrypt=True), message_ids(home, message=other, encrypt=True)
    )
    assert sorted(message.fields["message"] for message in service_account.sent) == [SECRET, other]
    assert sorted(chain.from_iterable(ids)) == sorted(guids(service_account))


async def test_those_that_were_sent_before_are_known_also_after_a_reload(
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has_texts(monkeypatch, {SECRET: CODE})
    await send(home, message=SECRET, encrypt=True)
    await send(home, message="Dinner is ready.")
    await home.config_entries.async_reload(account.entry_id)
    await settle(home)
    simulator.fault(SEND, "drop_before")
    await send(home, message=SECRET, encrypt=True)
    assert len(service_account.sent) == 3


# Later.


@pytest.mark.parametrize("logs_at", ["when it was asked for", "when it is to be sent"])
@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
async def test_a_scheduled_message_is_found_by_either_of_its_times(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    logs_at: str,
    channel: str,
) -> None:
    freezer.move_to(NOON)
    if logs_at == "when it is to be sent":
        dress_log(monkeypatch, lambda _, sent: {"timestamp_unix": sent.scheduled})
    for kind in ("drop_after", "drop_before"):
        simulator.fault(SEND, kind)
        await send(home, send_at=SIX, channel=channel)
    assert [message.scheduled for message in service_account.sent] == [SIX_SECOND] * 2
    assert len({*guids(service_account)}) == 2


@pytest.mark.parametrize("at", [SIX_SECOND - 7200, SIX_SECOND - 600, SIX_SECOND + 3600])
async def test_the_same_text_of_another_time_is_not_taken_for_a_scheduled_one(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
    at: float,
) -> None:
    freezer.move_to(NOON)
    somebody_sent(service_account, SECRET, at)
    simulator.fault(SEND, "drop_before")
    (message_id,) = await message_ids(home, message=SECRET, send_at=SIX)
    assert guids(service_account) == ["another's", message_id]


async def test_where_nobody_can_tell_a_scheduled_one_is_not_sent_again(
    freezer: FrozenDateTimeFactory,
    home: HomeAssistant,
    account: SmsMobileApiConfigEntry,
    simulator: Simulator,
    service_account: Account,
) -> None:
    freezer.move_to(NOON)
    simulator.fault(SEND, "drop_after")
    simulator.fault(LOG, "status", status=500)
    assert await send_in_vain(home, send_at=SIX) == "may_have_been_sent"
    assert len(service_account.sent) == 1


# Whatever the text.

words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Z", "C"], exclude_characters=". :"), min_size=1
)
links = st.sampled_from(
    ["https://example.com/a?b=c", "(http://x.example)", "www.example.com", "example.org/1,"]
)
blanks = st.text(" \t\r\n\u00a0\u2028", min_size=1, max_size=3)


def outgoing(text: str, *, short_links: bool = False, encrypt: bool = False) -> SendRequest:
    return SendRequest(
        recipient=ANNA, text=text, channel=Channel.SMS, short_links=short_links, encrypt=encrypt
    )


@given(
    st.lists(words | links, min_size=1),
    blanks,
    blanks,
    st.sampled_from(["s.example/1", "https://s.example/é"]),
)
def test_other_blanks_and_short_links_are_the_same_text(
    parts: list[str], blank: str, other: str, link: str
) -> None:
    text = outgoing(blank.join(parts), short_links=True)
    shortened = [link if "." in part else part for part in parts]
    assert _is_text(other.join(shortened), text)
    assert _is_text(other.join(parts), text)


@given(st.lists(words, min_size=1), st.lists(words, min_size=1), st.booleans())
def test_other_words_are_another_text(parts: list[str], others: list[str], short_links: bool) -> None:
    is_same = _is_text(" ".join(others), outgoing(" ".join(parts), short_links=short_links))
    assert is_same == (parts == others)


@given(st.lists(words | links), st.lists(words | links), blanks, blanks, st.booleans())
def test_what_may_be_taken_for_each_other_goes_one_after_the_other(
    parts: list[str], others: list[str], blank: str, other_blank: str, short_links: bool
) -> None:
    message = outgoing(blank.join(parts), short_links=short_links)
    for text in (other_blank.join(others), other_blank.join(parts)):
        if _is_text(text, message):
            assert _likeness(message) == _likeness(outgoing(text))
