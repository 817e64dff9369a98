"""One peer, one comparison, one process. Prints JSON: ms, and what it found.

Called with: the peer, the folder of the schema that is measured, and the one of the few tables that come first.

A comparison of a few other tables goes before: what a peer imports and compiles at its first call is no part of
what is measured. The process is new, so that nobody has seen the tables that are; what one comparison remembers from
its first side for its second counts as its own merit.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from importlib import import_module
from pathlib import Path

from autogenerate_peers.schema import Found

PEERS = {
    "sqlite3": ("by_hand", "ByHand"),
    "ormmigrate": ("ours", "Reading"),
    "no quotes": ("ours", "WithoutQuotes"),
    "a person's": ("ours", "ByAPerson"),
    "both a person's": ("ours", "BothByAPerson"),
    "check": ("ours", "Check"),
    "create_tables": ("ours", "Making"),
    "playhouse": ("others", "SchemaDiff"),
    "alembic": ("others", "Alembic"),
    "django": ("django_project", "Django"),
}
#: One process has one Django project.
UNREHEARSED = ("django",)


def main() -> None:
    name, folder, few = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    module, class_name = PEERS[name]
    peer = getattr(import_module(f"autogenerate_peers.{module}"), class_name)
    if name not in UNREHEARSED:
        peer(few).compare()
    measured = peer(folder)
    gc.collect()
    # Nothing here waits: the processor's time is the same whoever else is at work on the machine.
    began = time.process_time()
    measured.compare()
    time_ms = (time.process_time() - began) * 1000
    print(json.dumps({"ms": time_ms, "found": sorted(without_parts(measured.found()))}))


def without_parts(found: set[Found]) -> set[Found]:
    """What was found, without the indexes and columns of tables that come or go: some say them one by one."""
    tables = {table for what, table, _ in found if what.startswith("table")}
    return {one for one in found if one[0].startswith("table") or one[1] not in tables}


if __name__ == "__main__":
    main()
