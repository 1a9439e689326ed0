"""Names that somebody may join a call with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

INJECTED_HEADER = "X-Deepguard-Injected"

HOSTILE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "empty": "",
        "blank": " \t\u00a0\u2003",
        "control characters": "Zoë\x00\x01\x07\x08\x1b[2J\x1b]0;title\x07\x7f\x85",
        "line breaks": "Zoë\r\n\r\nall is well\u2028\u2029.\r\n",
        "header": f"Zoë\r\n{INJECTED_HEADER}: yes\r\n\r\n",
        "right to left": "\u202egnp.eoZ\u2066\u2069\u200f",
        "invisible": "Z\u200bo\u200d\ufeffë\u2060",
        "combining marks": "Z" + "\u0335\u0336\u0337" * 300,
        "lone surrogate": "Zo\ud83d",
        "beyond the first plane": "\U0001f9d1\u200d\U0001f4bb\U000e0001\U0010fffd",
        "everyone": "<!channel> <!here> @everyone @here @channel <@U012AB3CD>",
        "markup": "</p><script>alert(1)</script><img src=x onerror=alert(1)> [a](javascript:b) *b* _i_ `c` ```",
        "template": "{name} {0} {0.__class__} %s %(name)s %n ${HOME} $(id) {{ 7*7 }} {% if %} <%= 1 %> #{1}",
        "quotes": "\"';--\\\"\\' \\u0000 &quot; &#x0; ]]> <!--",
        "path and query": "../../etc/passwd?a=b&c=d#e%00%0d%0a;f",
        "number": "1e309",
        "endless": "x" * 10_000,
        "endless and wide": "\U0001f9d1" * 10_000,
        "endless lines": "\n" * 10_000,
    }
)
"""By what is wrong with each."""

__all__ = ["HOSTILE_NAMES", "INJECTED_HEADER"]
