"""Personal and secret values are not shown: not in the raw events of the quarantine either."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "•••"
_MAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_VALUE = r'\s*:\s*("(?:[^"\\]|\\.)*"?|\[[^\]]*\]?|\{[^}]*\}?|[^\s,}\]]+)'


class Masking:
    """Masks the values of sensitive fields in JSON text, also where the JSON is broken.

    Args:
        fields: names of the sensitive fields.

    >>> Masking(["name"])('{"id":1,"name":"Ana Roy","note":"ana@example.com"')
    '{"id":1,"name":"•••","note":"•••"'
    """

    def __init__(self, fields: Iterable[str]) -> None:
        self.fields = frozenset(fields)
        names = "|".join(re.escape(each) for each in sorted(self.fields, key=len, reverse=True))
        self._pattern = re.compile(f'"({names})"{_VALUE}', re.IGNORECASE) if names else None

    def __call__(self, raw: str) -> str:
        """The text with masked values; mail addresses are masked wherever they stand."""
        if self._pattern is not None:
            raw = self._pattern.sub(rf'"\1":"{MASK}"', raw)
        return _MAIL.sub(MASK, raw)
