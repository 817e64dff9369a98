"""Every step that the shop's schema has taken, in the order in which they run."""

from ormmigrate import Registry

from .m20240108_090000_create_tables import CreateTables
from .m20240219_143000_add_phone import AddPhone
from .m20240603_081500_index_orders_by_date import IndexOrdersByDate
from .m20240603_094500_name_the_unit_of_totals import NameTheUnitOfTotals
from .m20240610_120000_reward_regulars import RewardRegulars
from .m20240617_160000_create_shipments import CreateShipments

registry = Registry(
    [
        CreateTables,
        AddPhone,
        IndexOrdersByDate,
        NameTheUnitOfTotals,
        RewardRegulars,
        CreateShipments,
    ]
)
