"""What Slack's answers mean: whether trying again helps, whether the sender is refused, and what to do."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping

import aiohttp

from deepguard import NotifyError

APPS = "https://api.slack.com/apps"

_CODE = re.compile(r"[a-z]+(_[a-z]+)*")
_LONGEST_CODE = 60
_SCOPES = re.compile(r"[a-z_.,: ]{1,200}")

_NEW_TOKEN = f"make a new one at {APPS} and set bot_token"
_INSTALL = f"install the app to the workspace again at {APPS} and set bot_token"
_RULES = "a rule of the workspace forbids the app to post there; ask its administrators, or set another channel"
_INVITE = "invite the app to the channel: /invite @ and the app's name"
_NEW_WEBHOOK = f"make a new webhook at {APPS} and set webhook_url"

REFUSED = {
    "invalid_auth": f"Slack does not know the token: copy the Bot User OAuth Token at {APPS} anew and set bot_token",
    "not_authed": f"Slack does not know the token: copy the Bot User OAuth Token at {APPS} anew and set bot_token",
    "token_revoked": f"the token has expired or was revoked: {_NEW_TOKEN}",
    "token_expired": f"the token has expired or was revoked: {_NEW_TOKEN}",
    "account_inactive": f"the app was removed from the workspace, or the workspace is gone: {_INSTALL}",
    "app_uninstalled": f"the app was removed from the workspace: {_INSTALL}",
    "not_allowed_token_type": "the token is of a wrong kind: set the Bot User OAuth Token (xoxb-…) as bot_token",
    "missing_scope": f"the app lacks a permission: add it under OAuth & Permissions at {APPS}, then {_INSTALL}",
    "no_permission": f"the app lacks a permission: add it under OAuth & Permissions at {APPS}, then {_INSTALL}",
    "org_login_required": "the workspace is being moved to an organisation: wait until that is done",
    "team_access_not_granted": "the token has no access to the workspace: have an administrator grant it to the app",
    "ekm_access_denied": "administrators have suspended posting: ask them",
    "enterprise_is_restricted": "the organisation does not let the app post: ask its administrators",
    "two_factor_setup_required": "the workspace wants two-factor authentication to be set up first",
    "access_denied": f"access is denied: {_RULES}",
    "accesslimited": "access is limited on this network: ask the workspace's administrators",
    "channel_not_found": f"Slack knows no such channel, or the app may not see it: check channel, then {_INVITE}",
    "not_in_channel": _INVITE,
    "is_archived": "the channel is archived: unarchive it, or set another channel",
    "restricted_action": _RULES,
    "restricted_action_read_only_channel": _RULES,
    "restricted_action_thread_only_channel": _RULES,
    "restricted_action_non_threadable_channel": _RULES,
    "restricted_action_thread_locked": _RULES,
    "as_user_not_supported": "the token is of a wrong kind: set the Bot User OAuth Token (xoxb-…) as bot_token",
    "messages_tab_disabled": "the app's Messages tab is off: turn it on under App Home, or set a channel",
}
"""Answers of the Web API that stay the same until somebody acts, and what to do."""

WEBHOOK_REFUSED = {
    "no_service": f"the webhook was removed or switched off: {_NEW_WEBHOOK}",
    "no_service_id": f"the webhook's address is incomplete: {_NEW_WEBHOOK}",
    "no_active_hooks": f"the webhook was removed or switched off: {_NEW_WEBHOOK}",
    "no_team": f"the webhook's workspace is gone: {_NEW_WEBHOOK}",
    "team_disabled": "the webhook's workspace is disabled",
    "invalid_token": f"the webhook's address is wrong or was revoked: {_NEW_WEBHOOK}",
    "action_prohibited": "a rule of the workspace forbids the webhook to post: ask its administrators",
    "posting_to_general_channel_denied": "the webhook may not post to the general channel: choose another one",
    "user_not_found": f"whoever the webhook writes to is gone: {_NEW_WEBHOOK}",
    "channel_not_found": f"the webhook's channel is gone: {_NEW_WEBHOOK}",
    "channel_is_archived": f"the webhook's channel is archived: unarchive it and restart deepguard, or {_NEW_WEBHOOK}",
}
"""The same for incoming webhooks."""

TRY_AGAIN = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "rollup_error",
        "service_timeout",
        "temporarily_unavailable",
    }
)
"""Answers that pass by themselves."""

HOPELESS = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "invalid_arguments",
        "invalid_arg_name",
        "invalid_array_arg",
        "invalid_charset",
        "invalid_form_data",
        "invalid_post_type",
        "invalid_json",
        "json_not_object",
        "missing_post_type",
        "missing_charset",
        "no_text",
        "msg_too_long",
        "msg_blocks_too_long",
        "blocks_too_long",
        "too_many_attachments",
        "too_many_contact_cards",
        "metadata_too_large",
        "metadata_must_be_sent_from_app",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "markdown_text_conflict",
        "invalid_payload",
        "missing_text_or_fallback_or_attachments",
    }
)
"""Answers about this very message: the same one would be answered the same."""

GONE = frozenset(
    {
        "message_not_found",
        "thread_not_found",
        "cannot_reply_to_message",
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "restricted_action_thread_locked",
    }
)
"""Answers that a thread which is no longer there, or out of reach, gives: a new first message is needed."""

NOT_EDITABLE = frozenset({"edit_window_closed", "cant_update_message", "cant_update_ephemeral_message"})
"""Answers about a first message that is there and must stay as it is."""


class SlackError(NotifyError):
    """Slack, or the way there, did not take it.

    Attributes:
        code: Slack's own word for it; empty where there is none.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        retryable: bool = True,
        retry_after: float | None = None,
        refused: bool = False,
    ) -> None:
        """Say what went wrong; ``message`` must hold nothing that Slack or a caller chose, but a known code."""
        super().__init__(message, retryable=retryable, retry_after=retry_after, refused=refused)
        self.code = code


def answer_error(
    code: object,
    status: int,
    headers: Mapping[str, str],
    *,
    webhook: bool = False,
    needed: object = None,
    secrets: Iterable[str] = (),
) -> SlackError:
    """Make an error of an answer that is none of success.

    Args:
        code: The ``error`` of an answer, or the body of a webhook's.
        status: HTTP status.
        headers: Of the answer.
        webhook: Whether an incoming webhook answered.
        needed: The ``needed`` of an answer: missing scopes.
        secrets: What must not be shown, whatever the service answers.
    """
    known = code.strip() if isinstance(code, str) else ""
    # A service that is not Slack may answer with anything, what it was sent included.
    if len(known) > _LONGEST_CODE or not _CODE.fullmatch(known) or any(known in secret for secret in secrets):
        known = ""
    said = f"Slack answered {known or status}"
    asked = headers.get("Retry-After")
    if advice := (WEBHOOK_REFUSED if webhook else REFUSED).get(known):
        if known == "missing_scope" and isinstance(needed, str) and _SCOPES.fullmatch(needed):
            said += f" (needed: {needed})"
        return SlackError(f"{said}: {advice}", code=known, retryable=status != 410, refused=True)
    if known in HOPELESS:
        return SlackError(f"{said}: it does not take this message", code=known, retryable=False)
    if known in TRY_AGAIN or (known and status < 300):
        wait = NotifyError.for_status("Slack", 429, asked).retry_after
        return SlackError(said, code=known, retry_after=wait)
    setting = "webhook_url" if webhook else "api_url"
    if status < 300:
        return SlackError(f"what answered (HTTP status {status}) is not Slack: check {setting}", refused=True)
    usual = NotifyError.for_status("Slack", status, asked)
    return SlackError(
        f"{usual} ({setting})" if usual.refused else str(usual),
        code=known,
        retryable=usual.retryable,
        retry_after=usual.retry_after,
        refused=usual.refused,
    )


def redirected(setting: str) -> SlackError:
    """The address leads elsewhere; a secret is not carried there."""
    return SlackError(f"the address redirects elsewhere, which is never followed: check {setting}", refused=True)


def connection_error(error: Exception, host: str) -> SlackError:
    """Make an error of an exception on the way to ``host``, whose text may hold an address and is not shown."""
    if isinstance(error, SlackError):
        return error
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError)):
        return SlackError(
            f"the certificate of {host} cannot be verified: check the clock, and that no proxy with a certificate of"
            " its own stands in between",
            refused=True,
        )
    if isinstance(error, aiohttp.InvalidURL):
        return SlackError(f"the address of {host} cannot be used: check it", refused=True)
    if isinstance(error, TimeoutError):
        return SlackError(f"{host} did not answer in time")
    if isinstance(error, OSError):
        reason = error.strerror if error.strerror and error.strerror.isprintable() else type(error).__name__
        return SlackError(f"cannot reach {host}: {reason}")
    if isinstance(error, aiohttp.ClientError):
        return SlackError(f"cannot reach {host}: {type(error).__name__}")
    return SlackError(f"{host} answered with something that is not Slack's: {type(error).__name__}")
