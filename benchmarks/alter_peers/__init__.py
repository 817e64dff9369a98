"""Who takes part in alter.py, the table that they change, and what they do to it."""
