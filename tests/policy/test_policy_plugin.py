"""The default policy comes in through the hooks that others override."""

import pluggy
import pytest

from deepguard import hookspecs
from deepguard.hookspecs import hookimpl
from deepguard.model import Call
from deepguard.policy import plugin
from deepguard.policy.machine import ThresholdPolicy
from deepguard.thresholds import Thresholds

CALL = Call("c1", 0.0)


class Strict:
    """Registered before the default one, so that only ``trylast`` puts it first."""

    @hookimpl
    def deepguard_thresholds(self, call, defaults):
        return Thresholds(defaults.suspicious_after, 5, 5) if call.metadata.get("vip") else None


class Own:
    @hookimpl
    def deepguard_policy(self, call, thresholds):
        return "own policy" if call.metadata.get("own") else None


@pytest.fixture
def hooks():
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    for each in (Strict(), Own(), plugin):
        manager.register(each)
    manager.check_pending()
    return manager.hook


def test_defaults_stand_when_nobody_overrides(hooks):
    configured = Thresholds(2, 3, 4)
    assert hooks.deepguard_thresholds(call=CALL, participant_id="", defaults=configured) == configured
    policy = hooks.deepguard_policy(call=CALL, thresholds=configured)
    assert isinstance(policy, ThresholdPolicy)
    assert policy.thresholds == configured


def test_others_go_first(hooks):
    vip = Call("c2", 0.0, {"vip": "yes", "own": "yes"})
    assert hooks.deepguard_thresholds(call=vip, participant_id="", defaults=Thresholds(2, 3, 4)) == Thresholds(2, 5, 5)
    assert hooks.deepguard_policy(call=vip, thresholds=Thresholds()) == "own policy"
