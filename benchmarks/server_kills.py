"""SIGKILL at random moments of a batch of eleven operations on MariaDB: everything done once, or nothing.

    pip install -e ".[test]"
    python benchmarks/server_kills.py --client [--kills 100] [--rows 50000] [--seed 1]
    python benchmarks/server_kills.py --server [--kills 20]      # needs mariadbd; starts one of its own
    python benchmarks/server_kills.py --postgresql [--kills 20]  # the same batch there: it is one transaction
    python benchmarks/server_kills.py --lock                     # sixteen starts, one killed with the lock

A process starts an application (`register_models`) with three pending migrations: server_peers/eleven.py. It, or the
server, is killed after a delay of 0 to 1.15 times what the start takes undisturbed, the delays spread evenly and drawn
at random within their part. Every other trial has a fourth migration, which raises: then the kill can hit the way back
as well. In a third of the trials the next start is killed likewise. After the last kill the application is started
again, at once, though a server may still be at work on what the dead client had sent; that start must end

- wholly after, where no migration raises: the schema, every row and the history as after an undisturbed batch;
- wholly before, where the last one does: the same as before the batch.

Columns are compared in their order, keys without; AUTO_INCREMENT values are not (undoing an INSERT leaves gaps), nor
times. Counted is also what ran twice: a counter that is not 0 or 1 in some row, a row that is there twice. `refused`
is a start that stopped with UnfinishedMigration. The client's trials run on the server of the tests
(ORMMIGRATE_TEST_MYSQL, ORMMIGRATE_TEST_POSTGRESQL), in two databases of their own that are dropped at the end.

--lock: sixteen processes start at once; the one that gets the lock is killed in its migration, once while the server
waits for it and once while the server is in a statement. From when the server noticed (the connection has left
pg_stat_activity or the process list) the others must have ended their starts, migration included, in 1 s.

Exits 1 where anything ended in between, on the wrong side, refused or twice, or where the others waited longer.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from server_peers import hosts
from server_peers.homes import home_at
from server_peers.own_server import OwnServer
from server_peers.trials import ClientKills, Counts, Killing, ServerKills
from server_peers.waiting import measure_waiting

CLIENT_KILLS, SERVER_KILLS, POSTGRESQL_KILLS = 100, 20, 20


def main() -> None:
    options = parse()
    hosts.clean_up_when_ended()
    is_whole = True
    if options.client:
        is_whole &= client(hosts.MARIA, options, CLIENT_KILLS)
    if options.postgresql:
        is_whole &= client(hosts.PG, options, POSTGRESQL_KILLS)
    if options.server:
        is_whole &= server(options)
    if options.lock:
        for kind in (hosts.PG, hosts.MARIA):
            print(
                f"\n{hosts.version_of(hosts.URLS[kind])}: sixteen starts, the one with the lock is killed", flush=True
            )
            is_whole &= measure_waiting(kind)
    if not is_whole:
        sys.exit(1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", action="store_true", help="kill the client, on MariaDB")
    parser.add_argument("--server", action="store_true", help="kill the server, a MariaDB of our own")
    parser.add_argument("--postgresql", action="store_true", help="kill the client, on PostgreSQL")
    parser.add_argument("--lock", action="store_true", help="kill who holds the lock, others waiting")
    parser.add_argument("--kills", type=int, metavar="N", help="100 of the client; 20 of the server, of PostgreSQL's")
    parser.add_argument("--rows", type=int, default=50_000, metavar="N", help="of customers and of orders")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    options = parser.parse_args()
    if not (options.client or options.server or options.postgresql or options.lock):
        parser.error("say what is killed: --client, --server, --postgresql, --lock")
    return options


def client(kind: str, options: argparse.Namespace, kills: int) -> bool:
    url = hosts.URLS[kind]
    print(f"\n{hosts.version_of(url)}, the client is killed", flush=True)
    with home_at(url, options.rows) as home:
        return report(ClientKills(home, random.Random(options.seed)), options.kills or kills)


def server(options: argparse.Namespace) -> bool:
    with TemporaryDirectory(prefix="kills_") as folder:
        own = OwnServer(Path(folder))
        try:
            own.start()
            print(f"\n{hosts.version_of(own.url)} of our own, the server is killed", flush=True)
            with home_at(own.url, options.rows) as home:
                return report(ServerKills(home, random.Random(options.seed), own), options.kills or SERVER_KILLS)
        finally:
            own.kill()


def report(killing: Killing, kills: int) -> bool:
    print(killing, flush=True)
    counts: Counts = killing.kill(kills)
    print(counts, flush=True)
    return counts.is_whole


if __name__ == "__main__":
    main()
