"""Speech as a service: HTTP, queue, workers, voices, measurements."""
