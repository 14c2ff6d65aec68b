"""Dashboards as code: a workspace and a report of Weights & Biases, made from what the project declares."""
