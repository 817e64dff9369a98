"""A small shop: customers, their orders, and what became of them."""
