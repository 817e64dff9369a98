"""SQLite: what each operation does to a table there, without losing anything of it.

From the ground up: `tokens` cuts SQL as SQLite does, `reading` makes a `definition` of CREATE TABLE, `edits` changes
words in it, `drafts` and `constraining` say what an operation makes of a table (all of it pure); `tables` reads
what SQLite says of one, `findings` and `using` what stands in the way, `altering` and `rebuilding` put a draft into
force, `strategies` chooses between them, and `engine` has a method for each operation.
"""
