"""The synchronisation primitives as small state machines, one a file, each dual: the real thing outside a world."""
