"""How the page for acknowledging looks: one file, nothing from elsewhere, no script."""

from __future__ import annotations

import base64
import hashlib
import time
from html import escape

from deepguard.model import Incident, Label, Labelled, Level, Resolution
from deepguard.notify.acknowledging import LONGEST_NAME
from deepguard.store.incidents import StoredIncident
from deepguard.text import LABEL_WORDS, one_line

LONGEST_DETAIL = 500

_STYLE = """
:root{color-scheme:light dark;--page:#f3f5f7;--card:#fff;--line:#d6dce2;--control:#7c8996;--ink:#15212c;--muted:#53616e;
--accent:#0b5cad;--hover:#094a8c;--on:#fff;--alert:#a8121f;--warn:#854800}
@media(prefers-color-scheme:dark){:root{--page:#0d1319;--card:#161e26;--line:#2d3945;--control:#74828f;--ink:#e9eff4;
--muted:#a4b2be;--accent:#6db3f8;--hover:#93c8fb;--on:#06131f;--alert:#ff9c9c;--warn:#ffc76b}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:36rem;margin:0 auto;padding:clamp(.75rem,4vw,3rem) clamp(.75rem,4vw,1.5rem)}
.card{padding:clamp(1.25rem,4vw,2rem);border:1px solid var(--line);border-top:5px solid var(--tone);border-radius:10px;
background:var(--card)}
.alert{--tone:var(--alert)}.calm{--tone:var(--control)}.warn{--tone:var(--warn)}
.brand{margin:0 0 .75rem;color:var(--muted);font-weight:600}
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}
p{margin:0 0 1rem;overflow-wrap:anywhere}
.tag{display:inline-block;padding:0 .625rem;border:1px solid currentcolor;border-radius:99px;color:var(--warn);
font-size:.875rem;font-weight:600}
dl{display:grid;grid-template-columns:auto minmax(0,1fr);gap:.375rem 1.25rem;margin:0 0 1.25rem}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
form{display:grid;gap:.5rem;padding-top:1.25rem;border-top:1px solid var(--line)}
fieldset{display:grid;gap:.5rem;margin:0;padding:0;border:0}legend{padding:0;font-weight:600}
label{font-weight:600}.choice{display:flex;gap:.625rem;align-items:center;min-height:2.75rem;font-weight:400}
.choice input{width:1.25rem;min-height:1.25rem;flex:none;margin:0;accent-color:var(--accent)}
form+form{margin-top:1.25rem}.second{border-color:var(--control);background:none;color:var(--ink)}
.second:hover{background:var(--page)}.note,.muted{color:var(--muted)}.note{margin:.25rem 0 .75rem}
input,button{min-height:2.875rem;padding:.5rem .875rem;border:1px solid var(--control);border-radius:8px;font:inherit}
input{width:100%;background:var(--card);color:var(--ink)}
button{border-color:transparent;background:var(--accent);color:var(--on);font-weight:600;cursor:pointer}
button:hover{background:var(--hover)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.card>:last-child{margin-bottom:0}
"""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)

_OVER = {
    Resolution.CLEARED: "the caller is no longer suspected",
    Resolution.CALL_ENDED: "the call ended",
    Resolution.GUARD_LOST: "the program that guarded the call ended",
}

_FORM = f"""<form method="post">
<label for="name">Your name</label>
<input id="name" name="name" maxlength="{LONGEST_NAME}" autocomplete="name" aria-describedby="note">
<p class="note" id="note">It is shown to everybody who was told of this alert.</p>
<button>Acknowledge</button>
</form>"""


_CHOICES = {
    Label.CONFIRMED: "It was right: the caller was not who they seemed.",
    Label.FALSE_POSITIVE: "It was a false alarm: the caller was genuine.",
}


def incident_page(stored: StoredIncident, labelled: Labelled | None = None) -> str:
    """The page about one incident: with a button while it is open and nobody has acknowledged it.

    Below it, also later, stands a form to say what was found out.

    Args:
        stored: The incident.
        labelled: What was found out so far.
    """
    incident = stored.incident
    facts = [
        ("Who", f"<bdi>{escape(one_line(incident.participant_id))}</bdi>"),
        ("Since", _moment(incident.opened_at)),
        # What is over is not called clear: nobody knows here whether the caller is still being watched.
        ("Level" if incident.resolved_at is None else "Highest level", escape(str(_level(incident)).upper())),
        ("Found in", escape(", ".join(incident.sources))),
        ("Why", f"<bdi>{escape(one_line(incident.detail, LONGEST_DETAIL))}</bdi>" if incident.detail else ""),
        ("Detector", escape(one_line(stored.detector))),
    ]
    if labelled is not None:
        by = f"<bdi>{escape(one_line(labelled.by, LONGEST_NAME)) or 'somebody'}</bdi>"
        facts.append(("Found out", f"{LABEL_WORDS[labelled.label]}, says {by}, {_moment(labelled.at)}"))
    more = _label_form(labelled)
    if incident.resolved_at is not None:
        why = _OVER.get(incident.resolution, "it was resolved") if incident.resolution else "it was resolved"
        facts.append(("Over since", _moment(incident.resolved_at)))
        if incident.acknowledged_at is not None:
            facts.append(("Acknowledged", f"{_moment(incident.acknowledged_at)}, by {_by(stored)}"))
        text = f"<p>Nothing is left to acknowledge: {why}.</p>"
        return _page("This alert is over", "calm", stored.simulated, text + _facts(facts) + more)
    if incident.acknowledged_at is not None:
        text = (
            f"<p>By {_by(stored)}, {_moment(incident.acknowledged_at)}. The alert is not repeated any more. "
            "It stays open until the caller is no longer suspected, or the call ends.</p>"
        )
        return _page("This alert is acknowledged", "calm", stored.simulated, text + _facts(facts) + more)
    text = (
        "<p>Acknowledge it to say that you take care of it. Everybody else is told so, and the alert is not repeated. "
        "It stays open until the caller is no longer suspected, or the call ends.</p>"
    )
    return _page("The caller may not be who they seem", "alert", stored.simulated, _facts(facts) + text + _FORM + more)


def _label_form(labelled: Labelled | None) -> str:
    # Choices and not one button each: what Enter in the field of the name does would be decided by their order.
    choices = "".join(
        f'<label class="choice"><input type="radio" name="label" value="{label.value}" required'
        f"{' checked' if labelled is not None and labelled.label is label else ''}>{words}</label>"
        for label, words in _CHOICES.items()
    )
    return f"""<form method="post">
<fieldset><legend>Was the alert right?</legend>{choices}</fieldset>
<label for="by">Your name</label>
<input id="by" name="name" maxlength="{LONGEST_NAME}" autocomplete="name" aria-describedby="kept">
<p class="note" id="kept">Nobody is told. It is kept with the call, for whoever tunes the thresholds.</p>
<button class="second">Save</button>
</form>"""


def _level(incident: Incident) -> Level:
    return incident.level if incident.resolved_at is None else incident.peak


def _page(title: str, tone: str, simulated: bool, body: str) -> str:
    tag = '<p><span class="tag">Simulation: not a real finding</span></p>' if simulated else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="color-scheme" content="light dark">
<title>{title} &ndash; deepguard</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<main>
<div class="card {tone}">
<p class="brand">deepguard</p>
<h1>{title}</h1>
{tag}{body}
</div>
</main>
</body>
</html>
"""


def _facts(facts: list[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts if value) + "</dl>"


def _by(stored: StoredIncident) -> str:
    return f"<bdi>{escape(one_line(stored.incident.acknowledged_by, LONGEST_NAME)) or 'somebody'}</bdi>"


def _moment(at: float) -> str:
    # In UTC: without a script nobody knows the reader's time zone.
    moment = time.gmtime(at)
    machine, people = time.strftime("%Y-%m-%dT%H:%M:%SZ", moment), time.strftime("%d %B %Y, %H:%M:%S UTC", moment)
    return f'<time datetime="{machine}">{people.lstrip("0")}</time>'


NOT_FOUND = _page(
    "There is no such alert",
    "warn",
    False,
    "<p>The link is not complete, or the alert is no longer kept. Copy the whole link from the message.</p>"
    '<p class="muted">On the server, <code>deepguard incidents</code> lists what is open, and '
    "<code>deepguard ack</code> acknowledges.</p>",
)
STORE_DOWN = _page(
    "This does not work just now",
    "warn",
    False,
    "<p>The guard cannot reach its store. Nothing was changed; try again in a minute.</p>",
)

__all__ = ["CONTENT_SECURITY_POLICY", "NOT_FOUND", "STORE_DOWN", "incident_page"]
