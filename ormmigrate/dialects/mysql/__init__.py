"""MariaDB and MySQL: what each operation does there, and how a batch is undone where DDL cannot be rolled back."""
