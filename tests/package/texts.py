"""translations/*.json: the shape that hassfest wants, in every language, and the languages alike."""

from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any

from homeassistant.const import Platform
from homeassistant.generated.languages import LANGUAGES
from homeassistant.helpers import config_validation as cv
import voluptuous as vol

from .reading import KEY, Json, Schema, english, flat, placeholders, read_json, refused

URL = re.compile(r"\b(https?|wss?|ftps?|mqtts?)://[a-z0-9]|\bwww\.[a-z0-9-]+\.", re.IGNORECASE)


def _text(value: Any) -> str:
    text = cv.string_with_no_html(value)
    try:
        names = placeholders(text)
    except ValueError as err:
        raise vol.Invalid(str(err)) from err
    faults = {
        "is empty": not text.strip(),
        "has spaces around it": text != text.strip(),
        "holds a URL: use a placeholder": URL.search(text),
        "refers to another key, which works in the core only": "[%" in text,
        "has a placeholder in single quotes": re.search(r"'\{\w+\}'", text),
        "has a placeholder that is no identifier": any(not name.isidentifier() for name in names),
    }
    for fault, found in faults.items():
        if found:
            raise vol.Invalid(fault)
    return text


def _plain(value: Any) -> str:
    text = _text(value)
    if placeholders(text):
        raise vol.Invalid("has a placeholder where none is filled in")
    return text


def _texts(*required: str, **optional: Any) -> Schema:
    """Return a schema of texts, those required and those that may be."""
    schema: Schema = {vol.Required(key): _text for key in required}
    return schema | {vol.Optional(key): value for key, value in optional.items()}


def _flow(*, subentry: bool = False) -> Any:
    fields = {"data": {str: _text}, "data_description": {str: _text}}
    step = _texts(
        title=_text,
        description=_text,
        submit=_text,
        menu_options={str: _text},
        menu_option_descriptions={str: _text},
        sections={str: _texts(name=_text, description=_text, **fields)},
        **fields,
    )
    schema = _texts(
        step={str: step}, flow_title=_text, error={str: _text}, abort={str: _text}, progress={str: _text},
        create_entry={str: _text},
    )  # fmt: skip
    if subentry:
        schema |= _texts("entry_type")
        schema[vol.Required("initiate_flow")] = {vol.Required("user"): _text, str: _text}

    def described_fields_exist(value: Json) -> Json:
        for name, info in value.get("step", {}).items():
            for part in (info, *info.get("sections", {}).values()):
                if extra := part.get("data_description", {}).keys() - part.get("data", {}).keys():
                    raise vol.Invalid(f"step {name} describes {sorted(extra)}, which data does not name")
        return value

    return vol.All(schema, described_fields_exist)


def _one_of_description_and_fix_flow(value: Json) -> Json:
    if ("description" in value) is ("fix_flow" in value):
        raise vol.Invalid("needs one of description and fix_flow")
    return value


_DESCRIBED = {
    KEY: _texts(
        "name",
        "description",
        fields={KEY: _texts("name", "description", example=_text)},
        sections={KEY: _texts("name", description=_text)},
    )
}
_STATES = {KEY: _plain}
_ENTITY = _texts(
    name=_text,
    state=_STATES,
    state_attributes={KEY: {vol.Optional("name"): _plain, vol.Optional("state"): _STATES}},
    unit_of_measurement=_plain,
)
TRANSLATIONS_SCHEMA = vol.Schema(
    _texts(
        title=_text,
        config=_flow(),
        options=_flow(),
        config_subentries={KEY: _flow(subentry=True)},
        issues={
            KEY: vol.All(
                _texts("title", description=_text, fix_flow=_flow()), _one_of_description_and_fix_flow
            )
        },
        exceptions={KEY: _texts("message")},
        device={KEY: _texts(name=_text)},
        entity={vol.In({str(platform) for platform in Platform}): {KEY: _ENTITY}},
        selector={KEY: _texts(options={KEY: _text}, choices={KEY: _text}, unit_of_measurement={KEY: _text})},
        services=_DESCRIBED,
        triggers=_DESCRIBED,
        conditions=_DESCRIBED,
        system_health={vol.Optional("info"): {KEY: _text}},
        common={KEY: _text},
    )
)


def translation_faults(package: Path) -> Iterator[str]:
    if (package / "strings.json").exists():
        yield "strings.json is for the core; a custom integration has translations/*.json only"
    source = flat(english(package))
    for path in sorted((package / "translations").iterdir()):
        if path.suffix != ".json" or path.stem not in LANGUAGES:
            yield f"{path.name} is no language of Home Assistant's"
            continue
        content = read_json(path)
        faults = list(refused(path.name, TRANSLATIONS_SCHEMA, content))
        yield from faults
        texts = flat(content)
        yield from (f"{path.name}: {key} is missing" for key in sorted(source.keys() - texts.keys()))
        yield from (f"{path.name}: {key} is not in en.json" for key in sorted(texts.keys() - source.keys()))
        if faults:  # a text that can't be read has no placeholders to compare
            continue
        for key in sorted(source.keys() & texts.keys()):
            if placeholders(source[key]) != placeholders(texts[key]):
                yield f"{path.name}: {key} has other placeholders than en.json"
