"""Laboratory: every gradient estimator of the lecture, measured against the gradient itself."""
