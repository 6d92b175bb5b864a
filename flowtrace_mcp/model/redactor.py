"""One writing or reading of a memory: every text of it storable, redacted and counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.assigned_secrets import may_name_secret
from flowtrace_mcp.model.redaction import OwnPatterns, redact
from flowtrace_mcp.model.text import storable

DEPTH_LIMIT: Final = 20


@dataclass(slots=True)
class Redactor:
    """Takes secrets out of texts and counts them.

    Attributes:
        own: What the user listed besides the known secrets.
        count: Secrets taken out so far.
    """

    own: OwnPatterns = ()
    count: int = 0

    def text(self, text: str) -> str:
        """Return a text that can be stored, without its secrets."""
        redacted = redact(storable(text), self.own)
        self.count += redacted.count
        return redacted.text

    def texts(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return texts without secrets, each of them once, in their order."""
        return tuple(dict.fromkeys(map(self.text, texts)))

    def names(self, mapping: Mapping[str, str]) -> dict[str, str]:
        """Return a mapping whose keys are without secrets.

        A value is of the key as it was: where that has changed it is "".
        """
        cleaned = ((key, self.text(key), value) for key, value in mapping.items())
        return {shown: value if shown == key else "" for key, shown, value in cleaned}

    def tree(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        """Return what JSON holds, without the secrets of its texts and keys.

        Raises:
            InputError: It is nested deeper than ``DEPTH_LIMIT``.
        """
        return {self.text(key): self._value(value, 1, key) for key, value in mapping.items()}

    def _value(self, value: Any, depth: int, key: str) -> Any:
        if depth > DEPTH_LIMIT:
            raise InputError(
                "metadata is nested too deeply",
                why=f"at most {DEPTH_LIMIT} levels are stored",
                mend="flatten it",
            )
        if isinstance(value, str):
            return self._named(key, value)
        if isinstance(value, Mapping):
            return {self.text(k): self._value(v, depth + 1, k) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item, depth + 1, key) for item in value]
        return value

    def _named(self, key: str, value: str) -> str:
        """Return a text without secrets, also without one that only its key tells of."""
        if may_name_secret(key):
            begin = f"{storable(key)}: "
            named = redact(f"{begin}{storable(value)}", self.own)
            if named.count and named.text.startswith(begin):
                self.count += named.count
                return named.text[len(begin) :]
        return self.text(value)
