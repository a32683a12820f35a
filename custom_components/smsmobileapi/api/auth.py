"""Ways to sign a request."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The account's key, sent as the parameter `apikey` (API.md, D)."""

    key: str = field(repr=False)

    def sign(self, fields: dict[str, str]) -> dict[str, str]:
        """Return the fields of a request with the key among them."""
        return {"apikey": self.key, **fields}
