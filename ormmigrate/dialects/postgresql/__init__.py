"""PostgreSQL: what each operation does there, in the batch's transaction or, online, in steps of their own."""
