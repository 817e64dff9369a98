"""MariaDB and MySQL: what each operation does to a table there, and how what was done is taken back.

Doing, from the ground up: `definition` reads SHOW CREATE TABLE, `server` knows where the two differ, `words` spells
values and fields, `drafts` is a table as it is meant to be and `clauses` its difference as one ALTER TABLE; `retyping`,
`dropping`, `referring`, `keeping`, `constraining` (with `constraint_words`) and `drafting` say what an operation makes
of a draft, `algorithms` how much it may block, `altering` runs a group, and `engine` has a method for each operation.

Reading a whole schema: `catalogue` asks information_schema, the rooms called `inspecting` make values of its rows (all
but `inspecting` itself are pure), `key_indexes` tells the index that a foreign key made for itself, `fields` which
field makes a type; `scratching` is a database for a while, to build models and migrations in.

Taking back: `watched` is a connection that tells of each statement ahead of it, `relations` reads what its tables are,
the rooms called `restoring` work out the statement that leads back (pure), and `undoing` runs it.
"""
