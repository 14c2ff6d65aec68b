"""Workers in other processes: Celery hands orders out, Redis carries the sound back, the gateway keeps the books."""
