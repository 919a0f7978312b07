"""What visitors save: JSON, CSV, HTML, Python."""
