"""From verdicts to levels, and from levels to incidents: pure functions of what was, what came, and when."""
