"""The virtual machine: traces, virtual threads, primitives, and the explored and timed worlds."""
