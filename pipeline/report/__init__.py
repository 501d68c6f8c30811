"""Render the HTML report: sections from `reports/`, charts, and the summary for the terminal."""
