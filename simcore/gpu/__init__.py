"""Devices in simulation: streams, events, memory, and torch code that runs on them without one."""
