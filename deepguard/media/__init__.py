"""Which frame is due, how it is encoded, how audio is cut."""
