"""Checks of the type that is registered, and of its settings."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from deepguard.contracts import PluginConfig
from deepguard.errors import PluginError
from deepguard.plugins import PluginHost
from deepguard.testing.contract.base import ContractBase, fail
from deepguard.testing.secrets import SecretWatch

_URL = "http://127.0.0.1:9"
_MARK = "value-that-nobody-may-see"
_NOTHING_TAKES = {_MARK: [{_MARK: [_MARK]}]}


class ConfigChecks(ContractBase):
    """Settings are closed, typed, and silent about their values."""

    def test_its_type_is_found_by_its_name(self) -> None:
        """``type:`` in the YAML is the entry point's name, and leads to this very type."""
        name = self.notifier_type.name
        host = PluginHost()
        try:
            host.load(name)
        except PluginError as error:
            fail(
                f"deepguard cannot load it: {error}\nThe type's name has to be the name of its entry point in group "
                f"`deepguard`, and the package has to be installed: pip install -e ."
            )
        found = host.notifier_types.get(name)
        if found is None or found.config is not self.notifier_type.config:
            fail(f"the entry point '{name}' leads to another type than `notifier_type`")

    def test_its_settings_and_secrets_are_filled_in(self) -> None:
        """The contract itself is filled in such that its checks can find something."""
        settings = self._settings()
        for number, secret in enumerate(self.secrets, 1):
            if len(secret) < 8:
                fail(f"secret {number} of `secrets` is too short to be told from other text: use at least 8 characters")
            if secret not in str(settings):
                fail(f"secret {number} of `secrets` is not in what `settings` returns, so no check could find it")

    def test_config_refuses_unknown_settings(self) -> None:
        """A misspelt setting is an error, and never passed over."""
        if not issubclass(self.notifier_type.config, PluginConfig):
            fail(f"{self.notifier_type.config.__name__} has to be derived from deepguard.PluginConfig")
        if self._refusal({"no_such_setting": _MARK}) is None:
            fail('the configuration takes settings that it does not know: keep PluginConfig\'s extra="forbid"')

    def test_config_refuses_values_of_the_wrong_kind(self) -> None:
        """Each setting has a type that refuses nonsense."""
        for name in self._names():
            if self._refusal({name: _NOTHING_TAKES}) is None:
                fail(f"the setting '{name}' takes a mapping of lists of mappings: give it a type that refuses that")

    def test_config_errors_show_no_value(self) -> None:
        """What a refused setting held is not in the error: it may be a token in the wrong place."""
        for name in ["no_such_setting", *self._names()]:
            for value in (_MARK, [_MARK], _NOTHING_TAKES):
                told = self._refusal({name: value})
                if told and _MARK in told.replace(f"{name}.{_MARK}", ""):
                    fail(
                        f"the error about the setting '{name}' repeats its value: a validator's message must say what "
                        f"is expected, not what it got, and `hide_input_in_errors` has to stay on"
                    )

    def test_config_shows_no_secret(self) -> None:
        """Secrets are not in the configuration's repr, nor in that of the notifier."""
        watch = SecretWatch(self.secrets)
        config = self.notifier_type.config.model_validate(self._settings())
        watch.look_at(f"{config} {config!r}", "the repr of the configuration: make the setting a pydantic.SecretStr")
        notifier = self._made(_URL)
        watch.look_at(f"{notifier} {notifier!r}", "the repr of the notifier")
        if watch.leaks:
            fail(f"a secret is in {watch.leaks[0]}")

    def _settings(self) -> dict[str, Any]:
        settings = self.settings(_URL)
        told = self._told(settings)
        if told:
            fail(f"what `settings` returns is refused by {self.notifier_type.config.__name__}: {told}")
        return settings

    def _names(self) -> list[str]:
        return [field.alias or name for name, field in self.notifier_type.config.model_fields.items()]

    def _refusal(self, changed: dict[str, Any]) -> str | None:
        return self._told({**self._settings(), **changed})

    def _told(self, settings: dict[str, Any]) -> str | None:
        config = self.notifier_type.config
        try:
            config.model_validate(settings)
        except ValidationError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            fail(f"a validator of {config.__name__} raised {type(error).__name__}: it has to raise ValueError", error)
        return None


__all__ = ["ConfigChecks"]
