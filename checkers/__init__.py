"""Checkers read a trace, or steer the explored world, and return findings."""
