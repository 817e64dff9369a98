from peewee import AutoField, CharField, DateTimeField, ForeignKeyField, IntegerField

from ormmigrate import BaseMigration, reference


class CreateTables(BaseMigration):
    """Customers, their orders, and the lines of each order."""

    id = "20240108_090000_create_tables"
    name = "Create the first tables"

    def up(self, migrator):
        migrator.create_table(
            "customer",
            {
                "id": AutoField(),
                "email": CharField(unique=True),
                "name": CharField(),
            },
        )
        # reference() stands for the other table: the models may change, what this migration does may not.
        migrator.create_table(
            "order",
            {
                "id": AutoField(),
                "customer_id": ForeignKeyField(reference("customer"), on_delete="CASCADE"),
                "placed_at": DateTimeField(),
                "total": IntegerField(),
            },
        )
        migrator.create_table(
            "order_line",
            {
                "id": AutoField(),
                "order_id": ForeignKeyField(reference("order"), on_delete="CASCADE"),
                "product": CharField(),
                "quantity": IntegerField(),
                "price_cents": IntegerField(),
            },
        )
