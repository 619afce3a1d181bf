"""What leaves the program: CSV, workbooks and pages, safe to open and the same bytes each time."""
