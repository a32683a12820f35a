"""Senders: the numbers that wrote or called before. To answer one of them is no guess."""

from functools import partial
from typing import Any, Final

from homeassistant.core import callback

from .database_file import Statement
from .storage import Database, read_state, state_statement

MAX_SENDERS: Final = 500
_STATE_NAME: Final = "senders"


class Senders:
    """The last 500 numbers, normalised, from which an account got messages or calls."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # A dict keeps the order: the one that wrote last comes last.
        self._numbers: dict[str, None] = {}
        database.add_snapshot(lambda: [self._statement()])

    async def load(self) -> None:
        """Read what was saved."""
        nothing: dict[str, Any] = {}
        state = await self._database.load(partial(read_state, name=_STATE_NAME), nothing)
        self._numbers = dict.fromkeys(state.get("numbers", ()))

    def __contains__(self, number: str) -> bool:
        """Return whether something came from the number before."""
        return number in self._numbers

    @callback
    def add(self, number: str) -> None:
        """Remember a number, and forget the one that has been silent for longest where there are too many."""
        is_new = number not in self._numbers
        self._numbers.pop(number, None)
        self._numbers[number] = None
        if is_new:
            if len(self._numbers) > MAX_SENDERS:
                del self._numbers[next(iter(self._numbers))]
            self._database.write(self._statement())

    def _statement(self) -> Statement:
        return state_statement(_STATE_NAME, {"numbers": [*self._numbers]})
