"""What speaks: worker threads in this process, workers behind Redis, and a light voice for times of high load."""
