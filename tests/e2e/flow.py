"""A dialog of Home Assistant, answered step by step over HTTP as its frontend does."""

from dataclasses import dataclass
from typing import Any, Protocol

from tests.e2e.websocket import Json


class Web(Protocol):
    """What a dialog needs of a home."""

    async def get(self, path: str) -> Any: ...

    async def post(self, path: str, data: object = None) -> Any: ...


@dataclass(slots=True)
class Flow:
    """A config flow, or a contact's subentry flow, answered step by step."""

    home: Web
    path: str
    step: Json

    @classmethod
    async def begin(cls, home: Web, path: str, **fields: Any) -> Flow:
        return cls(home, path, await home.post(path, fields))

    async def submit(self, data: Json | None = None) -> Json:
        """Fill in the form that it shows; gives the next step, the same one with errors, or the end."""
        self.step = await self.home.post(f"{self.path}/{self.step['flow_id']}", data or {})
        return self.step

    async def look_again(self) -> Json:
        """Open the dialog once more, as after a reload of the page; gives the step that it shows."""
        step: Json = await self.home.get(f"{self.path}/{self.step['flow_id']}")
        return step

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong with which field."""
        return self.step.get("errors") or {}

    def shown(self) -> Json:
        """What the form shows as filled in."""
        described = {
            name: (field.get("description") or {}).get("suggested_value", field.get("default"))
            for name, field in self.fields().items()
        }
        return {name: value for name, value in described.items() if value is not None}

    def fields(self) -> dict[str, Json]:
        """The fields of the form by their names, as the frontend gets them."""
        return {field["name"]: field for field in self.step["data_schema"]}
