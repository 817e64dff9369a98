"""SQLite: what each operation does to a table there, without losing anything of it.

From the ground up: `tokens` cuts SQL as SQLite does, `definition` reads CREATE TABLE, `edits` changes words in
it, `drafts` says what an operation makes of a table (all of it pure); `tables` reads what SQLite says of one,
`findings` which rows or views stand in the way, `rewriting` puts a draft into force, `engine` chooses how.
"""
