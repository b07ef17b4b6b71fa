"""Gymnasium's MuJoCo robots as tasks, one file each."""
