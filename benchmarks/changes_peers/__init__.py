"""Who takes part in changes.py, the changes, and how each tool's models say them."""
