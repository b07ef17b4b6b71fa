"""Live view of a policy: in a window, or in a browser."""
