"""URLs of databases: playhouse.db_url, with the mistakes that it lets through noticed."""

from __future__ import annotations

import peewee

from ormmigrate.errors import ConfigurationError

FORMS = (
    "use sqlite:///relative.db, sqlite:////absolute/path.db, sqlite:///:memory:, "
    "postgresql://user:password@host/name or mysql://user:password@host/name."
)
ALIASES = {"mariadb": "mysql", "mariadb+pool": "mysql+pool", "sqlite3": "sqlite"}
PLAIN_SQLITE = "sqlite:///"


def database_from_url(url: str) -> peewee.Database:
    """The peewee database of a URL; nothing is opened.

    User and password are percent-decoded. `mariadb://` is an alias of `mysql://`.

    Raises:
        ConfigurationError: no scheme, an unknown one, or no database; the password is never printed.
    """
    path = url[len(PLAIN_SQLITE) :]
    if url.startswith(PLAIN_SQLITE) and path.strip("/") and "?" not in path:
        # What db_url would make of it, without its 8 ms of imports: this is every start of most applications.
        return peewee.SqliteDatabase(path)
    return _from_any_url(url)


def _from_any_url(url: str) -> peewee.Database:
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ConfigurationError(f"{without_password(url)!r} is no URL of a database.", FORMS)
    from playhouse import db_url

    scheme = ALIASES.get(scheme, scheme)
    if scheme not in db_url.schemes:
        raise ConfigurationError(
            f"{without_password(url)!r} has the scheme {scheme!r}, which is not known.", FORMS
        )  # fmt: skip
    if "sqlite" in scheme and not rest.startswith("/"):
        # db_url takes the name for a host, and opens a database in memory.
        raise ConfigurationError(
            f"{url!r} names no database: after the scheme stand three slashes.",
            f"write {scheme}:///{rest}" if rest else FORMS,
        )
    if "sqlite" in scheme and not rest.partition("?")[0].strip("/"):
        raise ConfigurationError(f"{url!r} names no database file.", FORMS)
    _refuse_what_must_be_encoded(url, scheme, rest)
    return _connected_by_playhouse(f"{scheme}://{rest}")


def _refuse_what_must_be_encoded(url: str, scheme: str, rest: str) -> None:
    """A `#` or `/` in a password ends what is before it: db_url would then take a part of it for a port."""
    path = rest.partition("?")[0].partition("/")[2]
    if "#" in rest or ("@" in path and "sqlite" not in scheme):
        raise ConfigurationError(
            f"{without_password(url)!r} has a character where it ends the part before it.",
            "percent-encode it in user and password (# is %23, / is %2F, ? is %3F, @ is %40); for a file whose name "
            "has a # give Database(...) a SqliteDatabase in place of a URL with parameters.",
        )


def _connected_by_playhouse(url: str) -> peewee.Database:
    from playhouse import db_url

    try:
        database: peewee.Database | None = db_url.connect(url, unquote_user=True, unquote_password=True)
    except (ValueError, RuntimeError, TypeError):
        # Its message quotes the URL, or what it took for the port: not even the context of ours may have it.
        database = None
    except peewee.ImproperlyConfigured as error:
        raise ConfigurationError(
            f"The driver for {without_password(url)!r} is not installed: {error}",
            'pip install "ormmigrate[postgresql]" or "ormmigrate[mysql]".',
        ) from error
    if database is None:
        raise ConfigurationError(
            f"{without_password(url)!r} names no database, or not in a way that can be read.", FORMS
        )  # fmt: skip
    if "passwd" in database.connect_params:
        # The name that db_url uses is deprecated in pymysql.
        database.connect_params["password"] = database.connect_params.pop("passwd")
    return database


def without_password(url: str) -> str:
    """The URL with its passwords replaced: before the @, where the @ was forgotten, and among the parameters."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    credentials, at, place = rest.rpartition("@")
    if not at:
        credentials, slash, place = rest.partition("/")
        at = slash
    user, colon, password = credentials.partition(":")
    if colon and "sqlite" not in scheme and not (at != "@" and password.isdigit()):
        rest = f"{user}:***{at}{place}"
    before, mark, parameters = rest.partition("?")
    shown = [f"{item.partition('=')[0]}=***" if "pass" in item.lower() else item for item in parameters.split("&")]
    return f"{scheme}{separator}{before}{mark}{'&'.join(shown)}"


def bare(url: str) -> str:
    """The URL as it may stand in a file: without its passwords, before the @ and among the parameters."""
    scheme, separator, rest = url.partition("://")
    place, mark, parameters = rest.partition("?")
    credentials, at, host = place.rpartition("@")
    if at:
        place = f"{credentials.partition(':')[0]}@{host}"
    kept = [item for item in parameters.split("&") if "pass" not in item.partition("=")[0].lower()]
    return f"{scheme}{separator}{place}{mark if any(kept) else ''}{'&'.join(kept)}"
