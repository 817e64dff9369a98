from ormmigrate import BaseMigration


class IndexOrdersByDate(BaseMigration):
    """The list of today's orders read the whole table."""

    id = "20240603_081500_index_orders_by_date"
    name = "Index orders by date"

    def up(self, migrator):
        migrator.add_index("order", ("placed_at",))
