"""Hazards between GPU streams and host threads: unordered accesses, memory that is reused too early, events that race."""
