"""Our own robots: one task and one MJCF model each."""
