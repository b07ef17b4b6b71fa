"""How fast the worlds and the learners are, how well robots learn, and compared with whom."""
