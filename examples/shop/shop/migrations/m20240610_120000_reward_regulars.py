from peewee import CharField, fn

from ormmigrate import BaseMigration

GOLD_FROM_CENTS = 200_000


class RewardRegulars(BaseMigration):
    """Whoever has spent 2,000 euros or more is a gold customer; everybody else is a standard one."""

    id = "20240610_120000_reward_regulars"
    name = "Give customers a tier"

    # up() is also read to derive down(), so what asks the database stands in functions given to run().
    def up(self, migrator):
        migrator.add_column("customer", "tier", CharField(default="standard"))
        migrator.run(promote, reverse=demote)


def promote(migrator):
    # The tables as they are at this moment; the application's models may be years ahead.
    Customer, Order = migrator.table("customer"), migrator.table("order")
    regulars = (
        Order.select(Order.customer_id).group_by(Order.customer_id).having(fn.SUM(Order.total_cents) >= GOLD_FROM_CENTS)
    )
    Customer.update(tier="gold").where(Customer.id.in_(regulars)).execute()


def demote(migrator):
    migrator.table("customer").update(tier="standard").execute()
