"""What a migration's file is made of: texts, values, fields and calls as Python source, laid out as ruff leaves it."""
