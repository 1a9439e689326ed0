"""The policy of a contact centre: agents are not suspects, and calls about money need less evidence."""

from dataclasses import replace

from deepguard import After, Level, PolicyStep, ThresholdPolicy, hookimpl

MONEY = {"wire-transfers", "card-blocking"}
AGENTS = "agent-"


@hookimpl
def deepguard_thresholds(call, defaults):
    """Less evidence where money moves.

    The queue is what whoever started the call said, maybe the suspect. So it can only make a call stricter, whatever it
    says, and whatever the YAML says.
    """
    if call.metadata.get("queue") not in MONEY:
        return None
    return replace(
        defaults,
        suspicious_after=at_most(1, defaults.suspicious_after),
        alert_after=at_most(2, defaults.alert_after),
        dwell=max(120.0, defaults.dwell),
    )


def at_most(verdicts, rule):
    """So many of the latest verdicts, where the rule asks for more."""
    rule = rule if isinstance(rule, After) else After.parse(str(rule))
    if rule.seconds or rule.verdicts > verdicts:
        return After(verdicts, of=max(5, rule.of))
    return rule


class CallersOnly:
    """The built-in policy for callers; agents are always CLEAR.

    An agent is a participant whose id begins with ``agent-``, and whom the bot named so. An id that came with the call
    (``participant_id`` in its metadata) was chosen by the client: whoever calls themselves an agent is a caller.
    """

    def __init__(self, thresholds, self_named):
        self._inner = ThresholdPolicy(thresholds)
        self._self_named = self_named

    def initial(self):
        """Nobody has been judged."""
        return self._inner.initial()

    def advance(self, state, verdict, now):
        """Take one verdict in."""
        who = verdict.participant_id
        if who.startswith(AGENTS) and who != self._self_named:
            return PolicyStep(state, {verdict.source: Level.CLEAR}, Level.CLEAR)
        return self._inner.advance(state, verdict, now)


@hookimpl
def deepguard_policy(call, thresholds):
    """Leave agents out of every call."""
    return CallersOnly(thresholds, call.metadata.get("participant_id"))
