"""Callbacks that look on while a model trains: they read, record and never change weights."""
