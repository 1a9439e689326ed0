"""A story as plain text and as HTML.

The HTML loads nothing, and sets no colour but that of badges and the button, on which white can be read: a mail program
in its dark theme shows the rest in its own colours.
"""

from __future__ import annotations

from html import escape

from deepguard_email.story import Item, Story

_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_LINE = "1px solid rgba(128,128,128,.35)"


def as_text(story: Story) -> str:
    """The story as plain text."""
    lines = [f"[{story.badge.upper()}] {story.title}", ""]
    if story.detail:
        lines += [story.detail, ""]
    lines += [f"{name}: {value}" for name, value in story.facts]
    for number, item in enumerate(story.items, 1):
        lines += ["", f"{number}. [{item.badge.upper()}] {item.title}", f"   {item.about}"]
        if item.ack_url:
            lines.append(f"   Acknowledge: {item.ack_url}")
    if story.ack_url:
        lines += ["", f"Acknowledge: {story.ack_url}"]
    return "\n".join([*lines, "", "-- ", story.footer, ""])


def as_html(story: Story) -> str:
    """The story as an HTML page."""
    parts = [
        f'<p style="margin:0 0 12px">{_badge(story.badge, story.colour)}</p>',
        f'<h1 dir="auto" style="margin:0 0 8px;font-size:20px;line-height:1.3">{escape(story.title)}</h1>',
    ]
    if story.detail:
        parts.append(f'<p dir="auto" style="margin:0 0 16px">{escape(story.detail)}</p>')
    parts.append(_table(story))
    parts += map(_item, story.items)
    if story.ack_url:
        parts.append(
            f'<p style="margin:20px 0"><a href="{escape(story.ack_url)}" style="display:inline-block;padding:10px 18px;'
            'border-radius:6px;background:#1d4ed8;color:#ffffff;text-decoration:none;font-weight:600">'
            "Acknowledge</a></p>"
        )
    parts.append(f'<p style="margin:20px 0 0;font-size:12px;opacity:.75">{escape(story.footer)}</p>')
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        f"<title>{escape(story.title)}</title></head>\n"
        f'<body style="margin:0;padding:24px;{_FONT};font-size:15px;line-height:1.5">\n'
        f'<div style="max-width:640px;margin:0 auto;overflow-wrap:anywhere">\n{body}\n</div></body></html>\n'
    )


def _badge(text: str, colour: str) -> str:
    return (
        f'<span style="display:inline-block;padding:2px 10px;border-radius:4px;background:{colour};color:#ffffff;'
        f'font-size:12px;font-weight:700;letter-spacing:.04em;text-transform:uppercase">{escape(text)}</span>'
    )


def _item(item: Item) -> str:
    link = f' · <a href="{escape(item.ack_url)}">Acknowledge</a>' if item.ack_url else ""
    return (
        f'<p style="margin:0;padding:10px 0;border-top:{_LINE}">{_badge(item.badge, item.colour)} '
        f'<strong dir="auto">{escape(item.title)}</strong><br>'
        f'<span dir="auto" style="font-size:13px">{escape(item.about)}{link}</span></p>'
    )


def _table(story: Story) -> str:
    rows = "\n".join(
        f'<tr><th scope="row" style="padding:6px 16px 6px 0;border-top:{_LINE};text-align:left;vertical-align:top;'
        f'font-weight:600;width:130px" dir="auto">{escape(name)}</th>'
        f'<td style="padding:6px 0;border-top:{_LINE};vertical-align:top" dir="auto">{escape(value)}</td></tr>'
        for name, value in story.facts
    )
    return f'<table style="width:100%;border-collapse:collapse;font-size:14px">\n{rows}\n</table>'
