"""One thread an incident: its first message shows how things are, replies tell how they came to be so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from loguru import logger

from deepguard import Notification, NotificationKind
from deepguard_slack.api import Place, SlackApi
from deepguard_slack.errors import GONE, NOT_EDITABLE, SlackError
from deepguard_slack.message import full_message, reply
from deepguard_slack.recent import Recent

EVIDENCE_TIMEOUT = 5.0
"""Seconds that a picture may take: less than core gives a whole attempt, so that it cannot cost the alert."""


@dataclass(slots=True)
class _Progress:
    """How far the attempts at one notification came, so that the next one repeats as little as can be."""

    posted: Place | None = None
    edited: bool = False
    pictured: bool = False


class Threads:
    """Posts notifications to a channel, those of one incident into one thread.

    All that it remembers only saves repetition: another process goes on with what core hands it.
    """

    def __init__(self, api: SlackApi, channel: str, *, evidence: bool, button: bool) -> None:
        """Post to ``channel``.

        Args:
            api: Slack.
            channel: Id or name.
            evidence: Whether the picture of an incident goes into its thread.
            button: Whether presses of a button reach us.
        """
        self._api = api
        self._channel = channel
        self._evidence = evidence
        self._button = button
        self._progress: Recent[_Progress] = Recent()
        self._moved: Recent[Place] = Recent()
        self._shown: Recent[float] = Recent()

    async def send(self, notification: Notification) -> str | None:
        """Tell one notification.

        Returns:
            The receipt: ``channel:ts`` of the first message of its thread, or of the message itself.

        Raises:
            SlackError: It was not told as a whole. Another attempt goes on where this one stopped.
        """
        progress = self._progress.get(notification.id) or _Progress()
        self._progress.set(notification.id, progress)
        place = self._moved.get(notification.thread) or Place.parse(notification.thread)
        if place is not None and notification.incident is not None and progress.posted is None:
            try:
                await self._follow(place, notification, progress)
            except SlackError as error:
                if error.code not in GONE:
                    raise
            else:
                self._progress.pop(notification.id)
                return str(place)
        receipt = await self._begin(notification, progress)
        self._progress.pop(notification.id)
        return receipt

    async def _begin(self, notification: Notification, progress: _Progress) -> str | None:
        if progress.posted is None:
            message = full_message(notification, button=self._button)
            progress.posted = await self._api.post(self._channel, message)
            self._remember_shown(notification)
            if progress.posted is not None and notification.thread:
                # Core keeps the receipt of the first message; later notifications still come with that one.
                self._moved.set(notification.thread, progress.posted)
        if progress.posted is None:
            return None
        if not progress.pictured:
            # Set before the attempt: the alert must not be held up again by what held it up once.
            progress.pictured = True
            await self._attach(progress.posted, notification)
        return str(progress.posted)

    async def _follow(self, place: Place, notification: Notification, progress: _Progress) -> None:
        # Editing twice shows the same as once; replying twice does not. So the reply, which ends it, comes last.
        repeated = notification.kind is NotificationKind.REPEATED
        if not repeated and not progress.edited and not self._outdated(notification):
            try:
                await self._api.update(place, full_message(notification, button=self._button))
            except SlackError as error:
                if error.code not in NOT_EDITABLE:
                    raise
            progress.edited = True
            self._remember_shown(notification)
        await self._api.post(place.channel, reply(notification), thread=place.ts, broadcast=repeated)

    async def _attach(self, place: Place, notification: Notification) -> None:
        picture = notification.picture
        if not self._evidence or notification.incident is None or picture is None:
            return
        try:
            async with asyncio.timeout(EVIDENCE_TIMEOUT):
                await self._api.upload(place, picture, title="The picture that the incident rests on")
        except (SlackError, TimeoutError) as error:
            why = str(error) or f"{self._api.host} took more than {EVIDENCE_TIMEOUT:g} s"
            logger.warning("Slack has the alert {}, but not its picture: {}", notification.id, why)

    def _outdated(self, notification: Notification) -> bool:
        """Whether the first message shows something newer, as when this notification had to wait for a retry."""
        incident = notification.incident
        return incident is not None and notification.at < (self._shown.get(incident.id) or 0.0)

    def _remember_shown(self, notification: Notification) -> None:
        if notification.incident is not None:
            self._shown.set(notification.incident.id, notification.at)
