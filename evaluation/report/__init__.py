"""The report: one self-contained HTML page with sound, pictures, tables, bars and the worst outputs."""

from evaluation.report.write import WriteReport

__all__ = ["WriteReport"]
