"""A schema as the source of models, which make the same schema again: naming, types, columns, tables, file. Pure."""
