"""Texts: an emoji in two halves is one, a half is replaced, and what nobody can see is empty."""

from homeassistant.util.yaml import parse_yaml
from hypothesis import given, settings, strategies as st

from custom_components.smsmobileapi.texts import is_blank, join_halves

from .sending import ANNA, Case

HALVES = r"\ud83d\udea8"
SIREN = "\N{POLICE CARS REVOLVING LIGHT}"
UNSEEN = " |\n\t|\u200b|\u200d\ufe0f|\u2060 \u00ad|\u3164|\u2800\u2800|\0|\0 \0|\u202e\u061c|\ufeff|"


async def test_an_emoji_in_two_halves_arrives_as_one_and_a_half_is_replaced(case: Case) -> None:
    """YAML and Jinja escapes make them; an error would be called one of the service, or of the connection."""
    data = parse_yaml(f'message: "Fire {HALVES}!"')
    assert isinstance(data, dict) and data["message"] != f"Fire {SIREN}!"
    rows = [
        *await case.send(message=data["message"]),
        *await case.send(message="Fire \ud83d!"),
    ]
    assert [sent.fields["message"] for sent in case.sent] == [f"Fire {SIREN}!", "Fire \ufffd!"]
    assert [row["alphabet"] for row in rows] == ["UCS-2", "UCS-2"]
    assert rows[0]["alphabet_forced_by"] == SIREN
    await case.add_contact("Anna", ANNA)
    for entity_id in ("notify.anna", "notify.phone_notification"):
        message = {"entity_id": entity_id, "title": "\ud83d\udea8", "message": "Fire \ud83d"}
        await case.home.services.async_call("notify", "send_message", message, blocking=True)
    assert case.sent[-1].fields["message"] == f"{SIREN}\nFire \ufffd"
    (shown,) = case.service.notifications
    assert (shown.title, shown.message) == (SIREN, "Fire \ufffd")


async def test_half_a_character_in_any_field_is_replaced(case: Case) -> None:
    """As a time, it ends the process; in an error, neither the log nor the interface can show it."""
    await case.add_contact(SIREN, ANNA)
    await case.send("\ud83d\udea8")
    half, whole = "x\ud83d", "x\ufffd"
    for name in ("send_at", "recipients", "channel", "retry_for", "account", "phone", "camera"):
        err = await case.error_of(**{name: half})
        assert str(err).encode(), name
    err = await case.error_of(recipients=[(half,)])
    assert (err.translation_placeholders or {})["recipient"] == whole
    assert (await case.error_of("get_messages", since=half)).translation_key == "time_invalid"
    assert (await case.error_of("delete_message", message_id=half)).translation_key == "message_not_found"
    media = {"media_content_id": f"media-source://a/{half}"}
    err = await case.error_of(channel="whatsapp", media=media)
    assert err.translation_placeholders == {"media": f"media-source://a/{whole}"}


async def test_a_text_that_nobody_can_see_is_empty(case: Case) -> None:
    for text in UNSEEN.split("|"):
        assert await case.outcome(message=text) == "message_empty", ascii(text)
    for text in ("\ufffd", "\ud83d", "1\u200b", "\u2764\ufe0f", "\u3164a"):
        assert await case.outcome(message=text) is None, ascii(text)
    for media in ("", " ", {}, {"media_content_id": ""}):
        assert await case.outcome(channel="whatsapp", media=media) == "media_not_https", media
    for name in ("camera", "media_url"):
        assert await case.outcome(channel="whatsapp", **{name: ""}) in {"value_invalid", "media_not_https"}, (
            name
        )


@given(st.text(st.characters(codec=None)))
@settings(deadline=None, max_examples=400, derandomize=True)
def test_any_text_can_be_encoded_and_one_that_could_be_is_not_changed(text: str) -> None:
    joined = join_halves(text)
    assert join_halves(joined) == joined == joined.encode().decode()
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert joined == text
    assert is_blank(text) == (not any(not is_blank(character) for character in joined))
