"""Style vectors on trial: do they carry emotion across speakers, and what else do they carry?"""
