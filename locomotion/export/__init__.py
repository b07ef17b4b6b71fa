"""A policy leaves the suite: as a folder that a robot's own computer needs nothing else for."""
