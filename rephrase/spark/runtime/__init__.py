"""What runs any stage: the session, units of work, what driver and tasks tell each other, progress and signals."""
