"""The same programs on the real machine: record, calibrate, measure, compare."""
