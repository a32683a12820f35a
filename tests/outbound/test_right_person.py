"""The right person: who is meant by a name, a number or an id, and what is refused because it can be two."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.template import Template
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.smsmobileapi.senders import MAX_SENDERS

from ..conftest import add_account, add_contact, settle
from .sending import ANNA, BELA, CECIL, HIGH_LIMITS, TEXT, Case, Entry

OTHER_KEY = "another-key-0123456789"
TEXAS = "+15123456789"  # without its plus, a mobile in Germany that has lost its zero


@pytest.fixture
async def contacts(case: Case) -> dict[str, str]:
    """Return the ids of contacts, by name; the limits are high."""
    await case.set_options(**HIGH_LIMITS)
    numbers = {"Anna": ANNA, "Béla": BELA, "Kovács, Cecil": CECIL}
    return {name: await case.add_contact(name, number) for name, number in numbers.items()}


def device(case: Case, contact_id: str) -> dr.DeviceEntry:
    found = dr.async_get(case.home).async_get_device_by_identifier(
        ("smsmobileapi", contact_id), case.account.entry_id
    )
    assert found
    return found


async def rename(case: Case, contact_id: str, name: str) -> None:
    """Rename a contact as Home Assistant's menu does."""
    subentry = case.account.subentries[contact_id]
    case.home.config_entries.async_update_subentry(case.account, subentry, title=name)
    await case.settle()


async def reached(case: Case, recipients: Any, **data: Any) -> list[str] | str | None:
    """Send; return the numbers that got it, or the key of the error."""
    case.sent.clear()
    key = await case.outcome(recipients, **data)
    assert key is None or not case.sent
    return key or [sent.recipient for sent in case.sent]


def from_yaml(text: str) -> Any:
    data = parse_yaml(f"recipients: {text}")
    assert isinstance(data, dict)
    return data["recipients"]


def from_template(home: HomeAssistant, text: str, **variables: Any) -> Any:
    return Template(text, home).async_render(variables)


# Numbers.


async def test_an_integer_never_reaches_a_stranger(case: Case) -> None:
    """06301152443 without quotes is octal, and the digits of somebody in Cambodia."""
    assert from_yaml("06301152443") == 855954723
    for text in ("06301152443", "6301152443", "1770", "+855954723", "[Anna, 06301152443]"):
        err = await case.error_of(recipients=from_yaml(text))
        assert isinstance(err, ServiceValidationError)
        assert err.translation_key in {"number_unquoted", "unknown_contact"}, text
    assert case.requests() == []
    for text in ("36301234567", "+36301234567", "'06301234567'", "0630 123 4567"):
        assert await reached(case, from_yaml(text)) == [ANNA], text
    for text in ("+36301234567", "+36301234567, +36207654321"):
        assert (await reached(case, from_template(case.home, text))) == [ANNA, BELA][: text.count("+")], text


@pytest.mark.parametrize("sender", [TEXAS, "1770"])
async def test_an_answer_reaches_its_sender(case: Case, sender: str) -> None:
    """A template makes an integer of `trigger.event.data.sender`, which can be two numbers; also after a restart."""
    await case.set_options(region="DE")
    answer = from_template(case.home, "{{ sender }}", sender=sender)
    assert isinstance(answer, int)
    assert await reached(case, answer) == "number_unquoted"
    case.service.receive(sender, "How warm is it?", "m1")
    await case.account.runtime_data.coordinator.async_refresh()
    await case.settle()
    assert await reached(case, answer) == [sender]
    await case.reload()
    assert await reached(case, answer) == [sender]
    # A contact's number is known, too; and then there are two.
    if sender == TEXAS:
        await case.add_contact("Anna", "0151 23456789")
        assert await reached(case, answer) == "number_unquoted"
        assert await reached(case, "0151 23456789") == ["+4915123456789"]


async def test_the_senders_that_are_remembered_are_bounded(case: Case) -> None:
    senders = case.account.runtime_data.senders
    for number in range(MAX_SENDERS):
        senders.add(f"+1{number}")
    senders.add("+10")
    senders.add(ANNA)
    assert "+10" in senders and ANNA in senders and "+11" not in senders


# Names.


async def test_each_way_to_name_a_contact(case: Case, contacts: dict[str, str]) -> None:
    dr.async_get(case.home).async_update_device(device(case, contacts["Béla"]).id, name_by_user="Dad")
    ids = [device(case, contact_id).id for contact_id in contacts.values()]
    table: list[tuple[Any, list[str]]] = [
        (" ANNA ", [ANNA]),
        ("dad", [BELA]),
        ("Béla", [BELA]),
        ("notify.anna", [ANNA]),
        ("event.bela_message", [BELA]),
        (ids[0], [ANNA]),
        ("Kovács, Cecil", [CECIL]),
        ("Anna, Dad", [ANNA, BELA]),
        ("Anna; Kovács, Cecil;", [ANNA, CECIL]),
        ("Anna\nKovács, Cecil\n", [ANNA, CECIL]),
        (f"{ANNA}, {BELA}", [ANNA, BELA]),
        (f"{ANNA};{BELA}\n{CECIL}", [ANNA, BELA, CECIL]),
        (f"06301234567 ,, notify.bela, {ids[2]}", [ANNA, BELA, CECIL]),
        (["Anna, Béla", (36301234567, "Dad")], [ANNA, BELA]),
        ("112, 1770", ["112", "1770"]),
    ]
    for recipients, expected in table:
        assert await reached(case, recipients) == expected, recipients
    refused = {
        "": "number_empty",
        " , ": "unknown_contact",
        "notify.phone_notification": "unknown_contact",
        "Anna, Zsuzsa": "unknown_contact",
        "Anna, Kovács, Cecil": "similar_contact",
        "0630,1234567": "recipients_unclear",
        "06 30; 123 4567": "recipients_unclear",
    }
    for recipient, key in refused.items():
        assert await reached(case, recipient) == key, recipient
    rows = (await case.act("check_whatsapp", recipients="Anna, Dad"))["recipients"]
    assert [row["recipient"] for row in rows] == [ANNA, BELA]


@pytest.mark.usefixtures("contacts")
async def test_a_name_that_nearly_fits_is_suggested(case: Case) -> None:
    for name, contact in (
        ("Ana", "Anna"),
        ("Bela", "Béla"),
        ("Kovacs Cecil", "Kovács, Cecil"),
        ("Anna2", "Anna"),
    ):
        err = await case.error_of(recipients=[BELA, name])
        assert err.translation_key == "similar_contact"
        assert err.translation_placeholders == {"recipient": name, "contact": contact}
    assert await case.outcome("Zsuzsa") == "unknown_contact"
    # The device's name, where it is that which nearly fits.
    bela = next(contact for contact in case.account.runtime_data.contacts if contact.name == "Béla")
    for name, shown in (("Grandpa", "Grandpa"), (CECIL, "+36…33")):
        dr.async_get(case.home).async_update_device(device(case, bela.contact_id).id, name_by_user=name)
        err = await case.error_of(recipients=f"{name}x")
        assert (err.translation_placeholders or {})["contact"] == shown
    assert case.requests() == []


@pytest.mark.parametrize("how", ["menu", "device"])
async def test_a_name_of_two_is_refused_until_it_is_one_again(
    case: Case, contacts: dict[str, str], how: str
) -> None:
    """The number, the id and the notify entity of each still work."""
    bela = contacts["Béla"]
    registry = dr.async_get(case.home)

    async def call_bela(name: str | None) -> None:
        if how == "menu":
            await rename(case, bela, name or "Béla")
        else:
            registry.async_update_device(device(case, bela).id, name_by_user=name)
            await case.settle()

    await call_bela("anna")
    err = await case.error_of(recipients="Anna")
    assert err.translation_key == "recipient_ambiguous"
    named = "anna" if how == "menu" else "Béla"
    assert (err.translation_placeholders or {})["choices"] == ", ".join(
        sorted(["Anna (+36…67)", f"{named} (+36…21)"])
    )
    assert await case.error_of("get_messages", **{"from": "Anna"})
    for recipients in ([BELA, "Anna"], "Anna, notify.bela"):
        assert await reached(case, recipients) == "recipient_ambiguous"
    assert await reached(case, [ANNA, "notify.bela"]) == [ANNA, BELA]
    await case.notify("notify.bela")
    assert case.sent[-1].recipient == BELA
    await call_bela(None)
    assert await reached(case, ["Anna", "Béla"]) == [ANNA, BELA]


async def test_a_name_that_is_also_a_list_of_others_is_refused(case: Case, contacts: dict[str, str]) -> None:
    for name in ("Anna,", f"{ANNA};", "Anna; 06301234568", "Anna\nnotify.kovacs_cecil"):
        await rename(case, contacts["Béla"], name)
        for recipients in (name, [CECIL, name]):
            assert await reached(case, recipients) == "recipient_ambiguous", recipients
    await rename(case, contacts["Béla"], "Béla, Dad")
    assert await reached(case, "Béla, Dad") == [BELA]


async def test_a_complete_number_beats_a_name_and_a_blank_is_none(
    case: Case, contacts: dict[str, str]
) -> None:
    for name in (ANNA, "0036 30 123 4567", "(+36) 30 123 4567"):
        await rename(case, contacts["Béla"], name)
        assert await reached(case, name) == [ANNA], name
    for name in ("06301234567", "1770"):
        await rename(case, contacts["Béla"], name)
        assert await reached(case, name) == "recipient_ambiguous", name
    # Its own number is no other's.
    await rename(case, contacts["Béla"], "06 20 765 4321")
    assert await reached(case, "06 20 765 4321") == [BELA]
    for name in ("", " ", "\N{ZERO WIDTH SPACE}", "\N{HANGUL FILLER}"):
        await rename(case, contacts["Béla"], name)
        assert await reached(case, ["Anna", name]) in ("number_empty", "unknown_contact"), name
    assert await reached(case, BELA) == [BELA]


# Accounts.


@pytest.fixture
async def other(case: Case) -> Entry:
    """Another account, with two contacts."""
    case.simulator.add_account(OTHER_KEY)
    entry = await add_account(case.home, case.simulator, OTHER_KEY)
    case.home.config_entries.async_update_entry(entry, title="Family phone", options=HIGH_LIMITS)
    await add_contact(case.home, entry, "Anna", ANNA)
    await add_contact(case.home, entry, "Béla", BELA)
    await settle(case.home)
    return entry


async def test_the_account_that_has_the_contacts_sends(case: Case, other: Entry) -> None:
    await case.add_contact("Cecil", CECIL)
    family = case.simulator.accounts[OTHER_KEY].sent

    async def by(recipients: Any, **data: Any) -> tuple[str | None, int, int]:
        case.sent.clear()
        family.clear()
        return await case.outcome(recipients, **data), len(case.sent), len(family)

    for recipients in ("Béla", BELA, "notify.bela", ["Anna", "Béla"], ["Béla", "+36701110000"]):
        assert await by(recipients) == (None, 0, 1 if isinstance(recipients, str) else 2), recipients
    assert await by("Cecil") == (None, 1, 0)
    for recipients in ("+36701110000", ["Cecil", "Béla"], "Zsuzsa"):
        err = await case.error_of(recipients=recipients)
        assert err.translation_key == "account_unclear"
        assert err.translation_placeholders == {"accounts": f"{case.account.title}, Family phone"}
    for account in ("Family phone", " family PHONE", other.entry_id):
        assert await by("+36701110000", account=account) == (None, 0, 1), account
    err = await case.error_of(account="Work")
    assert err.translation_key == "unknown_account"
    # Two with one title are told apart by their ids.
    case.home.config_entries.async_update_entry(other, title=case.account.title)
    err = await case.error_of(account=case.account.title)
    assert other.entry_id in str(err) and case.account.entry_id in str(err)
    await case.unload()
    assert await by("+36701110000") == (None, 0, 1)
    assert await by(ANNA, account=case.account.entry_id) == ("account_not_loaded", 0, 0)
    await case.home.config_entries.async_unload(other.entry_id)
    assert await case.outcome() == "account_not_loaded"


async def test_without_an_account_the_error_says_so(case: Case) -> None:
    await case.home.config_entries.async_remove(case.account.entry_id)
    assert await case.outcome() == "no_account"


# Automations.


@pytest.mark.parametrize(
    "wrong",
    [
        {"send_at": "{{ states('input_datetime.none') }}"},
        {"recipients": 3.5},
        {"recipients": "{{ states('input_text.none') }}"},
        {"wait_for_report": "{{ states('input_number.none') }}"},
        {"retry_for": "{{ 10 ** 20 }}"},
        {"sms_after": {"hours": "{{ 1e20 }}"}},
        {"channel": "whatsapp", "recipients": [ANNA]},
    ],
)
async def test_an_error_is_one_of_its_step_and_can_be_passed_over(
    case: Case, hass_ws_client: WebSocketGenerator, wrong: dict[str, Any]
) -> None:
    """The trace shows it once, at the step that failed; what comes after the step is done where the automation says so."""
    case.refuse_whatsapp()
    data = {"recipients": [BELA], "message": TEXT, **wrong}
    step = {"action": "smsmobileapi.send_message", "data": data}
    after = {"action": "smsmobileapi.send_message", "data": {"recipients": CECIL, "message": TEXT}}
    automations = [
        {
            "id": name,
            "alias": name,
            "triggers": [{"trigger": "event", "event_type": name}],
            "actions": actions,
        }
        for name, actions in (
            ("stops", [step, after]),
            ("goes_on", [step | {"continue_on_error": True}, after]),
        )
    ]
    assert await async_setup_component(case.home, "automation", {"automation": automations})
    client = await hass_ws_client()
    for name, count in (("stops", 0), ("goes_on", 1)):
        case.home.bus.async_fire(name)
        await case.settle()
        assert [sent.recipient for sent in case.sent] == [CECIL] * count
        item = {"domain": "automation", "item_id": name}
        await client.send_json_auto_id({"type": "trace/list", **item})
        (run,) = (await client.receive_json())["result"]
        await client.send_json_auto_id({"type": "trace/get", **item, "run_id": run["run_id"]})
        trace = (await client.receive_json())["result"]["trace"]
        errors = {path: row["error"] for path, rows in trace.items() for row in rows if "error" in row}
        assert errors.keys() == {"action/0"}
        assert "{" not in errors["action/0"] and " " in errors["action/0"]
