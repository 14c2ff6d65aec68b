"""Listening tests: one offline folder for listeners, and what their answers say of systems and of judges."""
