"""The tables as version 2 uses them, after the last migration. Amounts of money are whole cents."""

from peewee import CharField, DateTimeField, ForeignKeyField, IntegerField

from shop.db import db


class Customer(db.Model):
    email = CharField(unique=True)
    name = CharField()
    phone = CharField(null=True)
    tier = CharField(default="standard")


class Order(db.Model):
    customer = ForeignKeyField(Customer, backref="orders", on_delete="CASCADE")
    placed_at = DateTimeField(index=True)
    total_cents = IntegerField()


class OrderLine(db.Model):
    order = ForeignKeyField(Order, backref="lines", on_delete="CASCADE")
    product = CharField()
    quantity = IntegerField()
    price_cents = IntegerField()

    class Meta:
        table_name = "order_line"


class Shipment(db.Model):
    order = ForeignKeyField(Order, backref="shipments", on_delete="CASCADE")
    carrier = CharField()
    shipped_at = DateTimeField()


MODELS = [Customer, Order, OrderLine, Shipment]
