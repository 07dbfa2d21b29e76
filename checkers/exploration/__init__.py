"""Exploration: strategies that decide schedules, and the driver that runs executions until a verdict."""
