"""Our own robots: a task and its MJCF model each."""
