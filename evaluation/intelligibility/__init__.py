"""Is the text that was to be said heard?"""
