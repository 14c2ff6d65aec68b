"""Is the right voice heard?"""
