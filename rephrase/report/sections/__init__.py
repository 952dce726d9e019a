"""The sections of a report, a file each: figures and rows to what a page shows."""
