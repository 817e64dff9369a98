from ormmigrate import BaseMigration


class NameTheUnitOfTotals(BaseMigration):
    """`total` was taken for euros once too often."""

    id = "20240603_094500_name_the_unit_of_totals"
    name = "Rename order.total to total_cents"

    def up(self, migrator):
        migrator.rename_column("order", "total", "total_cents")
