"""A policy watched live: in a window, or in a browser."""
