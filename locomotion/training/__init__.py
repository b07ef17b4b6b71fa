"""Training a robot, and shipping what was learned."""
