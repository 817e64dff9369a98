"""One change, in a process of its own. Prints `ready`, waits for a line, runs the change, prints JSON.

Called with: the URL, the way, the change, and a name for the registry that nobody has used.

The JSON says when the change began and ended (time.monotonic, which all processes share), or why it failed.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import nullcontext
from typing import Any

from playhouse.migrate import SchemaMigrator, migrate

from ormmigrate import Registry, Runner
from ormmigrate.dialects import dialect_of
from server_peers import changes
from server_peers.hosts import connected

LONGEST = 160  # of a reason, in characters
MIGRATIONS: dict[str, type[Any]] = {
    changes.DEFAULT: changes.Default,
    changes.ONLINE: changes.Online,
    changes.GROUPED: changes.Grouped,
    changes.ONE_BY_ONE: changes.OneByOne,
}


def main() -> None:
    url, way, change, registry = sys.argv[1:]
    logging.disable()  # what fails is printed as a line of the table
    database = connected(url)
    dialect = dialect_of(database)
    # What a first batch imports, and the history: neither is what is measured.
    Runner(database, Registry([changes.Nothing], name=f"before_{registry}")).up()

    def run() -> None:
        if way == changes.PLAYHOUSE:
            # As its documentation advises: a transaction, where the server has it for DDL.
            with database.atomic() if dialect.transactional_ddl else nullcontext():
                migrate(changes.CHANGES[change].playhouse(SchemaMigrator.from_database(database)))
        else:
            migration = MIGRATIONS[way]
            migration.change = change
            Runner(database, Registry([migration], name=registry)).up()

    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    failed = None
    try:
        run()
    except Exception as error:  # noqa: BLE001 - each way has its own errors
        failed = f"{type(error).__name__}: {error}".splitlines()[0][:LONGEST]
    print(json.dumps({"began": began, "ended": time.monotonic(), "failed": failed}), flush=True)


if __name__ == "__main__":
    main()
