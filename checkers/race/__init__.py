"""Data races and lost updates in any trace: what orders two accesses, which accesses nothing orders, what to say."""
