"""Notifiers with one mistake each, under the contract: run by test_contract.py, each in a pytest of its own.

``found_by`` says by which checks the mistake is found, and ``told`` what their authors read there. A mistake that is
``everywhere`` is found by others as well.
"""

import asyncio
import gc
import logging
import urllib.error
import urllib.request
from typing import Any, ClassVar

import aiohttp
import pytest
from loguru import logger
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from deepguard import NotificationKind, Notifier, NotifierType, NotifyError, PluginConfig, hookimpl
from deepguard.testing import NotifierContract, RecordingNotifier

TOKEN = "token-of/the test"


class Config(PluginConfig):
    url: str
    token: SecretStr


class Good(Notifier):
    """Makes no mistake; each of the others makes one."""

    def __init__(self, config: Any) -> None:
        self.config = config
        self.session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        await self.close()
        self.session = aiohttp.ClientSession(headers={"Authorization": self.config.token.get_secret_value()})

    async def send(self, notification) -> str | None:
        try:
            return await self.post(notification)
        except (aiohttp.ClientError, OSError) as error:
            raise NotifyError(f"the pager cannot be reached ({type(error).__name__})") from None

    async def post(self, notification) -> str | None:
        assert self.session
        body = {"title": notification.title, "text": notification.detail}
        async with self.session.post(self.config.url, json=body, allow_redirects=False) as answer:
            if not 200 <= answer.status < 300:
                raise NotifyError.for_status("the pager", answer.status, answer.headers.get("Retry-After"))
        return None

    async def close(self) -> None:
        if self.session:
            await self.session.close()


class Contract(NotifierContract):
    notifier_type = NotifierType("wrong", Config, Good)
    secrets = (TOKEN,)
    found_by = ""
    everywhere = False

    @classmethod
    def setup_class(cls) -> None:
        # What there is by now stays, and grows with each test: a look for what is left behind need not go through it.
        gc.freeze()

    told = ""

    def settings(self, url):
        return {"url": url, "token": TOKEN}


class TestGood(Contract):
    pass


@hookimpl
def deepguard_register_notifiers():
    return [Contract.notifier_type]


def silent(config: Any) -> Notifier:
    return RecordingNotifier()


def contract(config: Any = Config, notifier: Any = Good) -> NotifierType:
    return NotifierType("wrong", config, notifier)


# -- the type and its settings ---------------------------------------------------------------------------------------


class TestNotInstalled(Contract):
    found_by = "its_type_is_found_by_its_name"
    told = "no plugin named 'not-there' is installed"
    notifier_type = NotifierType("not-there", Config, Good)


class Other(Config):
    pass


class TestOtherType(Contract):
    found_by = "its_type_is_found_by_its_name"
    told = "the entry point 'wrong' leads to another type than `notifier_type`"
    notifier_type = contract(Other)


class Found(Contract):
    """Of the many checks of one kind only a few, since there are many mistakes to make."""

    statuses: ClassVar = {status: Contract.statuses[status] for status in (200, 400, 401, 410, 503)}

    def test_its_type_is_found_by_its_name(self) -> None:
        """The types here differ, and have one name."""

    @pytest.mark.asyncio
    @pytest.mark.parametrize("hostile", ["header", "lone surrogate", "everyone", "endless and wide"])
    async def test_takes_hostile_names(self, hostile: str) -> None:
        await super().test_takes_hostile_names(hostile)


class Settings(Found):
    """What is wrong is in the settings; who delivers does not matter."""

    speaks_http = False


class TestSecretThatIsNowhere(Settings):
    notifier_type = contract(notifier=silent)
    found_by = "its_settings_and_secrets_are_filled_in"
    told = "secret 2 of `secrets` is not in what `settings` returns"
    secrets = (TOKEN, "another-secret")


class TestSecretThatIsTooShort(Settings):
    everywhere = True
    notifier_type = contract(notifier=silent)
    found_by = "its_settings_and_secrets_are_filled_in"
    told = "secret 1 of `secrets` is too short"
    secrets = ("http",)


class OpenConfig(Config):
    model_config = ConfigDict(extra="ignore")


class TestTakesUnknownSettings(Settings):
    found_by = "config_refuses_unknown_settings"
    told = 'keep PluginConfig\'s extra="forbid"'
    notifier_type = contract(OpenConfig, silent)


class OwnModel(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    url: str
    token: SecretStr


class TestOwnModel(Settings):
    found_by = "config_refuses_unknown_settings"
    told = "OwnModel has to be derived from deepguard.PluginConfig"
    notifier_type = contract(OwnModel, silent)


class LooseConfig(Config):
    priority: Any = None


class TestTakesAnything(Settings):
    found_by = "config_refuses_values_of_the_wrong_kind"
    told = "the setting 'priority' takes a mapping of lists"
    notifier_type = contract(LooseConfig, silent)


class TalkativeConfig(Config):
    @field_validator("url")
    @classmethod
    def check(cls, url: str) -> str:
        if url and not url.startswith("http"):
            raise ValueError(f"{url} is no address")
        return url


class TestValidatorTellsTheValue(Settings):
    found_by = "config_errors_show_no_value"
    told = "the error about the setting 'url' repeats its value"
    notifier_type = contract(TalkativeConfig, silent)


class ShownInput(Config):
    model_config = ConfigDict(hide_input_in_errors=False)


class TestInputIsShown(Settings):
    found_by = "config_errors_show_no_value"
    told = "`hide_input_in_errors` has to stay on"
    notifier_type = contract(ShownInput, silent)


class CrashingConfig(Config):
    @field_validator("url", mode="before")
    @classmethod
    def check(cls, url: Any) -> str:
        return url.strip() if url else url


class TestValidatorCrashes(Settings):
    found_by = "config_refuses_values_of_the_wrong_kind config_errors_show_no_value"
    told = "a validator of CrashingConfig raised AttributeError: it has to raise ValueError"
    notifier_type = contract(CrashingConfig, silent)


class PlainToken(PluginConfig):
    url: str
    token: str


class TestTokenIsNoSecretStr(Settings):
    found_by = "config_shows_no_secret"
    told = "the repr of the configuration: make the setting a pydantic.SecretStr"
    notifier_type = contract(PlainToken, silent)


class ShowsToken(Good):
    def __repr__(self) -> str:
        return f"<Pager {self.config.token.get_secret_value()}>"


class TestReprShowsTheToken(Found):
    found_by = "config_shows_no_secret keeps_secrets_to_itself"
    told = "a secret.* is in the repr of the notifier"
    notifier_type = contract(notifier=ShowsToken)


class TestFactoryFails(Found):
    everywhere = True
    found_by = "config_shows_no_secret can_be_closed_at_any_time makes_one_attempt"
    told = "the notifier could not be built from what `settings` returns.*ZeroDivisionError"
    notifier_type = contract(notifier=lambda config: 1 / 0)


class TestFactoryBuildsSomethingElse(Found):
    everywhere = True
    secrets = ()
    found_by = "config_shows_no_secret can_be_closed_at_any_time"
    told = "the factory built a dict; it has to build a deepguard.Notifier"
    notifier_type = contract(notifier=lambda config: {})


# -- what is sent ----------------------------------------------------------------------------------------------------


class NeedsIncident(Good):
    async def post(self, notification) -> str | None:
        assert self.session
        async with self.session.post(
            self.config.url, json={"key": notification.incident.id}, allow_redirects=False
        ) as answer:
            if answer.status >= 300:
                raise NotifyError.for_status("the pager", answer.status, answer.headers.get("Retry-After"))
        return None


class TestNeedsAnIncident(Found):
    found_by = "takes_every_kind takes_hostile_names takes_a_digest_of_a_hundred keeps_secrets_to_itself"
    told = "send raised AttributeError: core takes anything but a NotifyError for a fault of the plugin"
    notifier_type = contract(notifier=NeedsIncident)


class NameInHeader(Good):
    async def post(self, notification) -> str | None:
        assert self.session
        headers = {"X-Who": notification.participant_id}
        async with self.session.post(self.config.url, headers=headers, allow_redirects=False) as answer:
            if answer.status >= 300:
                raise NotifyError.for_status("the pager", answer.status, answer.headers.get("Retry-After"))
        return None


class TestNameInAHeader(Found):
    found_by = "takes_hostile_names"
    told = (
        r"send raised (ValueError|UnicodeEncodeError)|send raised NotifyError for a hostile name \(endless and wide\)"
    )
    notifier_type = contract(notifier=NameInHeader)


class NamesUncut(Good):
    async def post(self, notification) -> str | None:
        assert self.session
        names = [one.participant_id for one in (*notification.items, notification)] * 10
        async with self.session.post(self.config.url, json=names, allow_redirects=False) as answer:
            if answer.status >= 300:
                raise NotifyError.for_status("the pager", answer.status, answer.headers.get("Retry-After"))
        return None


class TestNamesAreNotCut(Found):
    found_by = "takes_hostile_names takes_a_digest_of_a_hundred"
    told = r"made requests of \d+ bytes; at most 1000000? are allowed|Cut texts that come from outside"
    notifier_type = contract(notifier=NamesUncut)


class TestOwnInspection(Found):
    found_by = "takes_hostile_names takes_a_digest_of_a_hundred"
    told = "the service would ping everybody"

    def inspect(self, request):
        assert b"@everyone" not in request.body, "the service would ping everybody"


class SendsPicture(Good):
    async def post(self, notification) -> str | None:
        assert self.session
        body = {"title": notification.title, "picture": notification.picture and notification.picture.data}
        async with self.session.post(self.config.url, json=body, allow_redirects=False) as answer:
            if answer.status >= 300:
                raise NotifyError.for_status("the pager", answer.status, answer.headers.get("Retry-After"))
        return None


class TestSendsAPictureAsJson(Found):
    found_by = "takes_a_picture keeps_secrets_to_itself"
    told = "send raised TypeError"
    notifier_type = contract(notifier=SendsPicture)


class ReturnsTooMuch(Good):
    async def send(self, notification) -> Any:
        await super().send(notification)
        return 7 if notification.kind is NotificationKind.TEST else "x" * 501


class TestReturnsTooMuch(Found):
    everywhere = True
    found_by = "takes_every_kind takes_the_story_of_an_incident leaves_nothing_behind"
    told = "send returned (501 characters; core keeps at most 500|a int; it has to return None or a str)"
    notifier_type = contract(notifier=ReturnsTooMuch)


class ClosesOnce(Good):
    async def close(self) -> None:
        session, self.session = self.session, None
        await session.close()  # pyright: ignore

    async def start(self) -> None:
        self.session = aiohttp.ClientSession(headers={"Authorization": self.config.token.get_secret_value()})


class TestClosesOnce(Found):
    found_by = "can_be_closed_at_any_time"
    told = "close raised AttributeError when called once without start"
    notifier_type = contract(notifier=ClosesOnce)


class KeepsSession(Good):
    async def close(self) -> None:
        """Forget."""


class TestKeepsItsSession(Found):
    grace = 0.2
    found_by = "leaves_nothing_behind can_be_cancelled starts_again_after_a_failure"
    told = "a connection to the service is still open after close|something stays open after close: .*Unclosed"
    notifier_type = contract(notifier=KeepsSession)


class KeepsTask(Good):
    async def start(self) -> None:
        await super().start()
        self.task = asyncio.create_task(self.beat())

    async def beat(self) -> None:
        await asyncio.Event().wait()


class TestKeepsATask(Found):
    grace = 0.2
    found_by = "leaves_nothing_behind can_be_cancelled starts_again_after_a_failure"
    told = r"a task still runs after close: KeepsTask\.beat"
    notifier_type = contract(notifier=KeepsTask)


class Talkative(Good):
    async def post(self, notification) -> str | None:
        logger.debug("sending with {}", self.config.token.get_secret_value())
        return await super().post(notification)


class TestLogsTheToken(Found):
    found_by = "keeps_secrets_to_itself keeps_secrets_out_of_errors"
    told = r"is in a log line \(loguru\)"
    notifier_type = contract(notifier=Talkative)


class LogsAckUrl(Good):
    async def post(self, notification) -> str | None:
        logging.getLogger("pager").debug("sending %s", notification.ack_url)
        return await super().post(notification)


class TestLogsTheAddressThatAcknowledges(Found):
    found_by = "keeps_secrets_to_itself"
    told = r"is in a log line of the logger 'pager' \(DEBUG\)"
    notifier_type = contract(notifier=LogsAckUrl)


# -- what comes back -------------------------------------------------------------------------------------------------


class Statuses(Good):
    async def post(self, notification) -> str | None:
        assert self.session
        async with self.session.post(
            self.config.url, json={"title": notification.title}, allow_redirects=False
        ) as answer:
            if answer.status >= 300:
                raise NotifyError(f"it answered {answer.status}", retryable=answer.status >= 500)
        return None


class TestKnowsFewStatuses(Found):
    found_by = "says_what_a_status_means passes_retry_after_on"
    told = (
        "the service answered (401|410), and send ended with .*retryable=False.*; expected: .*refused=True|Retry-After"
    )
    notifier_type = contract(notifier=Statuses)


class TestOwnTable(Found):
    """A service with other ideas."""

    statuses: ClassVar = {status: what for status, what in Contract.statuses.items() if status != 404}


class BelievesAll(Good):
    async def post(self, notification) -> str | None:
        assert self.session
        async with self.session.post(self.config.url, json={"title": notification.title}, allow_redirects=False):
            return None


class TestLooksAtNoStatus(Found):
    found_by = "says_what_a_status_means passes_retry_after_on"
    told = r"the service answered \d+, and send ended with no error"
    notifier_type = contract(notifier=BelievesAll)


class GivesUp(Good):
    async def send(self, notification) -> str | None:
        try:
            return await self.post(notification)
        except (aiohttp.ClientError, OSError):
            raise NotifyError("the pager cannot be reached", retryable=False) from None


class TestGivesUp(Found):
    found_by = "a_lost_connection_is_tried_again"
    told = "the service reset the connection, and send ended with .*retryable=False"
    notifier_type = contract(notifier=GivesUp)


class Lets(Good):
    async def send(self, notification) -> str | None:
        return await self.post(notification)


class TestLetsTheClientsErrorsThrough(Found):
    found_by = "a_lost_connection_is_tried_again makes_one_attempt keeps_secrets_out_of_errors"
    told = "send raised Client.*Error: core takes anything but a NotifyError"
    notifier_type = contract(notifier=Lets)


class Follows(Good):
    async def post(self, notification) -> str | None:
        assert self.session
        async with self.session.post(self.config.url, json={"title": notification.title}) as answer:
            if answer.status >= 300:
                raise NotifyError.for_status("the pager", answer.status, answer.headers.get("Retry-After"))
        return None


class TestFollowsRedirects(Found):
    found_by = "follows_no_redirect"
    told = r"send followed a redirect \(301\); with aiohttp: post\(…, allow_redirects=False\)"
    notifier_type = contract(notifier=Follows)


class Tries(Good):
    async def send(self, notification) -> str | None:
        try:
            return await super().send(notification)
        except NotifyError:
            return await super().send(notification)


class TestTriesAgainItself(Found):
    found_by = "makes_one_attempt"
    told = "one send made 2 requests POST / after the first had failed"
    notifier_type = contract(notifier=Tries)


class Swallows(Good):
    async def send(self, notification) -> str | None:
        try:
            return await super().send(notification)
        except asyncio.CancelledError:
            raise NotifyError("it took too long") from None


class TestSwallowsItsCancellation(Found):
    found_by = "can_be_cancelled"
    told = "send swallowed its cancellation"
    notifier_type = contract(notifier=Swallows)


class AsksAtStart(Good):
    async def start(self) -> None:
        self.session = aiohttp.ClientSession(headers={"Authorization": self.config.token.get_secret_value()})
        try:
            async with self.session.get(self.config.url, allow_redirects=False) as answer:
                if answer.status >= 300:
                    raise NotifyError.for_status("the pager", answer.status)
        except (aiohttp.ClientError, OSError):
            raise NotifyError("the pager cannot be reached") from None


class TestOpensTwice(Found):
    found_by = "starts_again_after_a_failure"
    told = "something stays open after close: .*Unclosed client session|a connection to the service is still open"
    notifier_type = contract(notifier=AsksAtStart)


class Quotes(Good):
    async def post(self, notification) -> str | None:
        assert self.session
        body = {"title": notification.title}
        async with self.session.post(self.config.url, json=body, allow_redirects=False) as answer:
            if answer.status >= 300:
                error = NotifyError.for_status("the pager", answer.status, answer.headers.get("Retry-After"))
                error.args = (f"{error}: {(await answer.content.read(1000)).decode()}",)
                raise error
        return None


class TestQuotesTheService(Found):
    found_by = "keeps_secrets_out_of_errors"
    told = "a secret is in the text of NotifyError.*services repeat what they were sent"
    notifier_type = contract(notifier=Quotes)


class Chains(Good):
    async def send(self, notification) -> str | None:
        try:
            return await super().send(notification)
        except NotifyError as error:
            try:
                raise RuntimeError(f"with {self.config.token.get_secret_value()}")
            except RuntimeError as cause:
                error.__cause__ = cause
                raise error from cause


class TestChainsAnErrorWithTheToken(Found):
    found_by = "keeps_secrets_out_of_errors"
    told = "a secret is in what led to NotifyError; `raise NotifyError.* from None` keeps it out"
    notifier_type = contract(notifier=Chains)


class Elsewhere(Good):
    async def send(self, notification) -> str | None:
        return None


class TestAsksNobody(Found):
    everywhere = True
    found_by = "says_what_a_status_means can_be_cancelled"
    told = "send asked the service nothing: `settings` has to lead it to `url`"
    notifier_type = contract(notifier=Elsewhere)


class Blocks(Good):
    async def send(self, notification) -> str | None:
        body = notification.title.encode("utf-8", "replace")
        with urllib.request.urlopen(urllib.request.Request(self.config.url, body)):  # noqa: ASYNC210
            return None


class TestBlocks(Found):
    everywhere = True
    secrets = ()
    found_by = "takes_every_kind can_be_cancelled"
    told = "send blocks the event loop: while it waits for the service, no call is guarded"
    notifier_type = contract(notifier=Blocks)
