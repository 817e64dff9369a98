from peewee import AutoField, CharField, DateTimeField, ForeignKeyField

from ormmigrate import BaseMigration, reference


class CreateShipments(BaseMigration):
    """An order may leave in several parcels."""

    id = "20240617_160000_create_shipments"
    name = "Create shipments"

    def up(self, migrator):
        migrator.create_table(
            "shipment",
            {
                "id": AutoField(),
                "order_id": ForeignKeyField(reference("order"), on_delete="CASCADE"),
                "carrier": CharField(),
                "shipped_at": DateTimeField(),
            },
        )
