"""Training a robot, and shipping its policy."""
