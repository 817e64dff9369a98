"""PostgreSQL: what each operation does there, in the batch's transaction or, online, in steps of their own.

From the ground up: `statements` and `names` know what a statement is and how names are cut, `literals` spells values,
`catalogue` reads, `constraining` and `renaming` find what is meant, `drafting` makes clauses of ALTER TABLE of a change
and `grouping` as few of them as can be; `waiting` bounds how long others wait, `online` takes the steps that do not
stall them, `explaining` says what the server refuses, and `engine` has a method for each operation. `locking` is the
lock of the batch.
"""
