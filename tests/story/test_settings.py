"""Which line says something: the file's, a hook's, a plugin's policy, or none."""

from __future__ import annotations

from deepguard.story.settings import Setting, rule, setting, value_at
from support.materials import CONFIGURATION, call

ALERT_AFTER = "policy.thresholds.alert_after"


def test_a_setting_has_its_line_or_is_the_default() -> None:
    assert setting(CONFIGURATION, ALERT_AFTER) == Setting(ALERT_AFTER, 2, "file", "deepguard.yaml:4:18")
    clear_after = "policy.thresholds.clear_after"
    assert setting(CONFIGURATION, clear_after) == Setting(clear_after, 1, "default")
    assert setting(None, clear_after) == Setting(clear_after)
    assert value_at(CONFIGURATION, "notifiers[1].on") == ["alert", "resolved"]
    assert value_at(CONFIGURATION, "notifiers[7].on") is None
    assert value_at(CONFIGURATION, "notifiers.on") is None


def test_a_rule_is_a_setting_of_the_policy() -> None:
    assert rule("thresholds.alert_after", 2, call(), CONFIGURATION) == Setting(
        ALERT_AFTER, 2, "file", "deepguard.yaml:4:18"
    )
    assert rule("", 0, call(), CONFIGURATION) is None


def test_thresholds_of_a_hook_are_the_hook_s_and_not_the_file_s() -> None:
    hooked = call(policy="built in, thresholds of my_policy.py:7", thresholds={"alert_after": "2 of 5"})
    assert rule("thresholds.alert_after", 5, hooked, CONFIGURATION) == Setting(
        ALERT_AFTER, "2 of 5", "hook", "my_policy.py:7"
    )


def test_a_plugin_s_policy_has_rules_of_its_own() -> None:
    own = call(policy="Careful of my_policy.py:12")
    assert rule("too careful", 3, own, CONFIGURATION) == Setting(
        "too careful", None, "policy", "Careful, my_policy.py:12"
    )
    assert rule("", 0, own, CONFIGURATION) == Setting("", None, "policy", "Careful, my_policy.py:12")
    # It failed: from then on the built-in policy follows the thresholds.
    failed = own._replace(policy_failed="Careful of my_policy.py:12: ZeroDivisionError")
    found = rule("thresholds.alert_after", 2, failed, CONFIGURATION)
    assert found is not None
    assert found.where == "deepguard.yaml:4:18"
    hooked = failed._replace(thresholds={"alert_after": 9})
    assert rule("thresholds.alert_after", 9, hooked, CONFIGURATION) == Setting(ALERT_AFTER, 9, "hook")


def test_without_its_configuration_a_call_still_knows_its_thresholds() -> None:
    assert rule("thresholds.alert_after", 2, call(), None) == Setting(ALERT_AFTER, 2, "unknown")
    assert rule("thresholds.dwell", 0, None, None) == Setting("policy.thresholds.dwell")


def test_thresholds_of_one_participant_are_not_taken_for_the_file_s() -> None:
    # It rests on one verdict, and the file asks for two: a hook gave this participant others.
    assert rule("thresholds.alert_after", 1, call(), CONFIGURATION) == Setting(ALERT_AFTER, None, "hook")
