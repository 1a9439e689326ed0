"""From a notification to every destination that wants it: route, queue, deliver; no destination holds up another."""
