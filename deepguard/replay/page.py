"""How reports look: one file that asks nobody for anything, without scripts, in light and dark, on paper too."""

from __future__ import annotations

import base64
import hashlib

from deepguard.replay.markup import Child, Markup, joined, tag

_STYLE = """
:root{color-scheme:light dark;--page:#f3f5f7;--card:#fff;--line:#d6dce2;--faint:#e8ecf0;--ink:#15212c;--muted:#53616e;
--before:#8b98a5;--after:#0b5cad;--alert:#b3202c;--suspicious:#d98e04;--clear:#cfe3d6;--good:#14683d;--bad:#a8121f}
@media(prefers-color-scheme:dark){:root{--page:#0d1319;--card:#161e26;--line:#2d3945;--faint:#222c36;--ink:#e9eff4;
--muted:#a4b2be;--before:#74828f;--after:#6db3f8;--alert:#f0646e;--suspicious:#e5ae45;--clear:#24402f;--good:#82dca5;
--bad:#ff9c9c}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:68rem;margin:0 auto;padding:clamp(.75rem,3vw,2.5rem) clamp(.75rem,3vw,1.5rem)}
h1{margin:0 0 .25rem;font-size:1.75rem;line-height:1.2}
h2{margin:0 0 .75rem;font-size:1.125rem;line-height:1.3}
h3{margin:0 0 .25rem;font-size:1rem;line-height:1.4;overflow-wrap:anywhere}
p{margin:0 0 .75rem;overflow-wrap:anywhere}
.lead,.note,.muted{color:var(--muted)}.note{font-size:.875rem;margin:.75rem 0 0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1.25rem 0}
.card,section{background:var(--card);border:1px solid var(--line);border-radius:10px}
.card{padding:.875rem 1rem}.card p{margin:0}
.card .big{font-size:1.5rem;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums}
.card .was{color:var(--muted);font-size:.875rem}
section{padding:clamp(1rem,3vw,1.5rem);margin:0 0 1rem}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem}
.two section{margin:0}.two{margin-bottom:1rem}
.wide{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.375rem .75rem;border-bottom:1px solid var(--faint);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0;white-space:normal}
th{color:var(--muted);font-size:.875rem;font-weight:600;white-space:normal}tr:last-child td{border-bottom:0}
td.text{white-space:normal;text-align:left;overflow-wrap:anywhere}tr.chosen td{font-weight:650}
.better{color:var(--good);font-weight:600}.worse{color:var(--bad);font-weight:600}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:0 0 .5rem;color:var(--muted);font-size:.875rem}
.key::before{content:"";display:inline-block;width:.75rem;height:.75rem;margin-right:.375rem;border-radius:3px;
background:var(--tone)}
.key.before{--tone:var(--before)}.key.after{--tone:var(--after)}.key.alert{--tone:var(--alert)}
.key.suspicious{--tone:var(--suspicious)}.key.clear{--tone:var(--clear)}.key.incident{--tone:var(--ink)}
.key.unwatched{--tone:var(--before)}
.key.present{--tone:var(--before)}.key.chosen{--tone:var(--alert)}
.plot{display:grid;gap:.25rem;color:var(--muted);font-size:.8125rem}
.canvas svg{display:block;width:100%;height:9rem;overflow:visible}
.canvas.tall svg{height:15rem}.canvas.lane svg{height:1.625rem}
.axis{display:flex;justify-content:space-between;color:var(--muted);font-size:.8125rem;font-variant-numeric:tabular-nums}
.axis.few{justify-content:space-around}
rect.before{fill:var(--before)}rect.after{fill:var(--after)}rect.clear{fill:var(--clear)}rect.unwatched{fill:var(--before)}
rect.suspicious{fill:var(--suspicious)}rect.alert{fill:var(--alert)}rect.incident{fill:var(--ink)}
.grid{stroke:var(--line);vector-effect:non-scaling-stroke}
.front{fill:none;stroke:var(--after);stroke-width:2;vector-effect:non-scaling-stroke}
.point{fill:none;stroke-linecap:round;stroke-width:9;stroke:var(--after);vector-effect:non-scaling-stroke}
.point.other{stroke-width:6;stroke:var(--muted);opacity:.5}.point.present{stroke-width:12;stroke:var(--before)}
.point.chosen{stroke-width:14;stroke:var(--alert)}
.call{padding:1rem 0;border-top:1px solid var(--faint)}.call:first-of-type{border-top:0}
.call .what{margin:0 0 .5rem;color:var(--muted);font-size:.875rem}
.lanes{display:grid;grid-template-columns:3.25rem minmax(0,1fr);gap:.25rem .75rem;margin:0 0 .75rem;align-items:center}
.lanes .who{grid-column:1/-1;margin:.25rem 0 0;font-weight:600}
.known{margin-left:.75rem;color:var(--muted);font-weight:400}
.side{color:var(--muted);font-size:.8125rem}
details{margin:0 0 .5rem}summary{cursor:pointer;color:var(--muted);font-size:.875rem}
summary:focus-visible{outline:3px solid var(--after);outline-offset:2px}
ol{margin:.5rem 0;padding:0;list-style:none;font-size:.875rem}
ol li{display:grid;grid-template-columns:4rem 6.5rem minmax(0,1fr);gap:.5rem;padding:.125rem 0;overflow-wrap:anywhere}
.time{font-variant-numeric:tabular-nums;color:var(--muted)}.level-alert{color:var(--bad);font-weight:650}
.level-suspicious{font-weight:600}
pre{margin:0;padding:1rem;overflow-x:auto;border-radius:8px;background:var(--faint);font-size:.875rem;line-height:1.45}
code{overflow-wrap:anywhere}
footer{color:var(--muted);font-size:.8125rem}
@media(max-width:30rem){th,td{padding:.375rem .375rem}ol li{grid-template-columns:3.25rem 5.5rem minmax(0,1fr)}}
@media print{:root{--page:#fff;--card:#fff;--line:#c4ccd3;--faint:#e8ecf0;--ink:#000;--muted:#444;--before:#9aa5af;
--after:#0b5cad;--alert:#b3202c;--suspicious:#d98e04;--clear:#dcebe1;--good:#14683d;--bad:#a8121f}
main{max-width:none;padding:0}section,.card{border-color:#c4ccd3}section,.call,.card{break-inside:avoid}
rect,.key::before{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""What a browser lets a report do: show its own style, and nothing else."""


def page(title: str, *parts: Child) -> str:
    """A whole page.

    Args:
        title: Its title.
        *parts: What is on it.
    """
    head = joined(
        tag("meta", {"charset": "utf-8"}),
        tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}),
        tag("meta", {"name": "referrer", "content": "no-referrer"}),
        tag("title", None, title),
        tag("style", None, Markup(_STYLE)),
    )
    body = tag("body", None, tag("main", None, *parts))
    return f"<!doctype html>\n{tag('html', {'lang': 'en'}, tag('head', None, head), body)}\n"


def card(name: str, value: str, was: str, verdict: str = "") -> Markup:
    """One figure, large."""
    return tag(
        "div",
        {"class": "card"},
        tag("p", {"class": "muted"}, name),
        tag("p", {"class": f"big {verdict}".strip()}, value),
        tag("p", {"class": "was"}, was),
    )


def section(heading: str, *parts: Child) -> Markup:
    """A part of a page with its heading."""
    return tag("section", None, tag("h2", None, heading), *parts)


__all__ = ["POLICY", "card", "page", "section"]
