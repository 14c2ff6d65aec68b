"""The evaluation suite: judges, metrics, statistics, report. Nothing in `sovits_lab` imports it."""
