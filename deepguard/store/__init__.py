"""What outlives the process: calls, verdicts, transitions, incidents and deliveries, in SQLite or PostgreSQL."""
