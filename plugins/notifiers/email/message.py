"""A notice as an e-mail: one message for each recipient, the same bytes in every attempt. Pure."""

from __future__ import annotations

import hashlib
import html
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from agent.api import Notice, Severity
from plugins.notifiers.wording import Wording, clean, plain_text

COLORS = {
    Severity.OK: "#1a7f37",
    Severity.INFO: "#0969da",
    Severity.WARNING: "#9a6700",
    Severity.UNKNOWN: "#57606a",
    Severity.CRITICAL: "#cf222e",
}

GREY = "#57606a"

POLICY = SMTP.clone(cte_type="7bit")
"""Not every server takes 8-bit text."""


def message(notice: Notice, wording: Wording, *, sender: str, recipient: str) -> EmailMessage:
    """The e-mail for one recipient, in the incident's thread.

    Its `Message-ID` comes from the notice and the recipient, so that a second copy can be
    recognised by who filters on it. The thread hangs on the id of the incident's first notice,
    or on one that stands for it: nothing need be remembered from one message to the next.
    """
    email = EmailMessage(policy=POLICY)
    email["From"] = Address(f"openbell {clean(notice.agent, 40)}".strip(), addr_spec=sender)
    email["To"] = Address(addr_spec=recipient)
    email["Subject"] = wording.title
    email["Date"] = notice.created_at
    email["Message-ID"] = message_id(notice.id, sender=sender, recipient=recipient)
    if notice.incident is not None and notice.incident.id != notice.id:
        root = message_id(notice.incident.id, sender=sender, recipient=recipient)
        email["In-Reply-To"] = root
        email["References"] = root
    email["Auto-Submitted"] = "auto-generated"
    if notice.severity is Severity.CRITICAL:
        email["Importance"] = "high"
    email.set_content(plain_text(wording))
    email.add_alternative(html_text(notice.severity, wording), subtype="html")
    email.set_boundary(f"openbell-{_hash(notice.id)}")
    return email


def message_id(notice_id: str, *, sender: str, recipient: str) -> str:
    """`<ID.RECIPIENT@DOMAIN>`: the recipient's part is a hash, the domain is the sender's."""
    name = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in notice_id)[:64]
    return f"<{name}.{_hash(recipient.lower())}@{sender.rpartition('@')[2]}>"


def html_text(severity: Severity, wording: Wording) -> str:
    """The words as a page without scripts, images or styles from elsewhere."""
    return (
        "<!doctype html>\n<html><body style='font-family:sans-serif;font-size:15px'>\n"
        f"<h2 style='border-left:6px solid {COLORS[severity]};padding-left:10px'>"
        f"{_safe(wording.title)}</h2>\n"
        f"{_inner(wording)}"
        f"<p style='color:{GREY}'>Notice {_safe(wording.reference)}</p>\n</body></html>\n"
    )


def _inner(wording: Wording) -> str:
    """What a template made, escaped by it or here, or our own."""
    if wording.html is not None:
        return f"{wording.html}\n{_link(wording)}"
    if wording.body is not None:
        return f"<p style='white-space:pre-wrap'>{_safe(wording.body)}</p>\n{_link(wording)}"
    rows = "".join(
        f"<tr><td style='color:{GREY};padding-right:12px'>{_safe(label)}</td><td>{_safe(value)}</td></tr>\n"
        for label, value in wording.facts
    )
    return f"<p>{_safe(wording.message)}</p>\n<table>\n{rows}</table>\n{_link(wording)}{_machines(wording)}"


def _link(wording: Wording) -> str:
    if wording.link is None:
        return ""
    return f"<p><a href='{_safe(wording.link.url)}'>{_safe(wording.link.label)}</a></p>\n"


def _machines(wording: Wording) -> str:
    items = "".join(f"<li>{_safe(machine)}</li>\n" for machine in wording.machines)
    return f"<ul>\n{items}</ul>\n" if items else ""


def _safe(text: str) -> str:
    return html.escape(text, quote=True)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]
