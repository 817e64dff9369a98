from peewee import CharField

from ormmigrate import BaseMigration


class AddPhone(BaseMigration):
    """The parcel service asks for a number. Customers from before have given none."""

    id = "20240219_143000_add_phone"
    name = "Add the customer's phone"

    def up(self, migrator):
        migrator.add_column("customer", "phone", CharField(null=True))
