"""Are the judges, the tests and the protocols themselves to be trusted?"""
