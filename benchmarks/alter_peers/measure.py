"""One peer, one operation, one process. Prints JSON: ms, memory_bytes, size_bytes, facts; or why it cannot.

Called with: the peer, the operation, the prepared file, and `--facts` to have the result described as well.

The operation runs on a table of a few rows first: what it imports and caches is no part of what is measured, and
what a peer cannot do shows there. The copy is on the disk before the clock starts, and in the page cache. The
clock and the peak of the memory stand around the operation and its COMMIT alone.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

from alter_peers import orders
from alter_peers.operations import OPERATIONS, Operation, table_after

PEERS = {
    "sqlite3": ("by_hand", "ByHand"),
    "update": ("by_hand", "ByUpdate"),
    "ormmigrate": ("migrators", "Ormmigrate"),
    "batch": ("migrators", "Batch"),
    "playhouse": ("migrators", "Playhouse"),
    "alembic": ("alembic_batch", "Alembic"),
    "sqlite-utils": ("sqlite_utils_transform", "SqliteUtils"),
}
FEW_ROWS = 20
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def main() -> None:
    name, operation, prepared = sys.argv[1], OPERATIONS[sys.argv[2]], Path(sys.argv[3])
    module, class_name = PEERS[name]
    peer = getattr(import_module(f"alter_peers.{module}"), class_name)
    copy = prepared.with_name("copy.db")
    try:
        rehearse(peer, operation, prepared.with_name("few.db"))
    except Exception as error:  # noqa: BLE001 - each peer has its own way to refuse
        print(json.dumps({"refused": f"{type(error).__name__}: {error}".splitlines()[0]}))
        return
    copy_to_disk(prepared, copy)
    found: dict[str, Any] = measured(peer, operation, copy)
    found["size_bytes"] = copy.stat().st_size
    if "--facts" in sys.argv:
        found["facts"] = orders.facts(copy, table_after(operation))
    print(json.dumps(found))


def rehearse(peer: Any, operation: Operation, path: Path) -> None:
    orders.create(path, FEW_ROWS)
    # Another text, so that nobody has read the one of the table that is measured.
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('ALTER TABLE "orders" ADD COLUMN "rehearsed" TEXT')
    opened = peer(path)
    try:
        opened.perform(operation)
    finally:
        opened.close()


def copy_to_disk(source: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    shutil.copyfile(source, copy)
    # Otherwise the COMMIT that is measured would write the copy, too.
    with open(copy, "rb+") as file:
        os.fsync(file.fileno())


def measured(peer: Any, operation: Operation, path: Path) -> dict[str, Any]:
    opened = peer(path)
    gc.collect()
    before_bytes = memory_now()
    began = time.perf_counter()
    opened.perform(operation)
    time_ms = (time.perf_counter() - began) * 1000
    memory_bytes = memory_peak() - before_bytes
    opened.close()
    return {"ms": time_ms, "memory_bytes": memory_bytes}


def memory_now() -> int:
    """What the process holds; where the system can, its peak starts from here again (proc(5), clear_refs)."""
    if not CLEAR.exists():
        return memory_peak()
    CLEAR.write_text("5")
    return status_bytes("VmRSS")


def memory_peak() -> int:
    if CLEAR.exists():
        return status_bytes("VmHWM")
    import resource

    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes


def status_bytes(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
