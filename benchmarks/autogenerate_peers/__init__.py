"""Who takes part in autogenerate.py, and the schema that is compared."""
