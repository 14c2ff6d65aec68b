"""Is the intended emotion heard?"""
