"""A dialog of Home Assistant, filled in step by step over HTTP as its frontend does."""

from dataclasses import dataclass
from typing import Any, Protocol

from tests.e2e.websocket import Json


class Http(Protocol):
    """The part of HomeAssistant that a dialog uses."""

    async def get(self, path: str) -> Any: ...

    async def post(self, path: str, data: object = None) -> Any: ...


@dataclass(slots=True)
class Flow:
    """A config, options, subentry or repair flow."""

    http: Http
    path: str
    step: Json

    @classmethod
    async def begin(cls, http: Http, path: str, **fields: Any) -> Flow:
        return cls(http, path, await http.post(path, fields))

    async def submit(self, data: Json | None = None) -> Json:
        """Submit the form; return the next step, the same one with errors, or the end."""
        self.step = await self.http.post(f"{self.path}/{self.step['flow_id']}", data or {})
        return self.step

    async def reload(self) -> Json:
        """Request the present step again, as after a reload of the page; return it."""
        step: Json = await self.http.get(f"{self.path}/{self.step['flow_id']}")
        return step

    @property
    def errors(self) -> dict[str, str]:
        """The errors of the form by field."""
        return self.step.get("errors") or {}

    def fields(self) -> dict[str, Json]:
        """The fields of the form by name."""
        return {field["name"]: field for field in self.step["data_schema"]}

    def shown(self) -> Json:
        """The values that the form is filled in with."""
        values = {
            name: (field.get("description") or {}).get("suggested_value", field.get("default"))
            for name, field in self.fields().items()
        }
        return {name: value for name, value in values.items() if value is not None}
