"""The lecture, measured: every gradient estimator against the gradient itself."""
