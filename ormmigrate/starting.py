"""The files of a project that starts from a database: which there are, and what goes into them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

from ormmigrate.application import CONFIGURATION, SECTION, Settings, load_settings, split_app, with_section
from ormmigrate.errors import ConfigurationError, listed
from ormmigrate.project import EMPTY_REGISTRY, NOT_THE_APPLICATION, packages_in, require_unwritten
from ormmigrate.registration import register
from ormmigrate.rendering.expressions import Call, Import, Keyword, Text, Word, lines
from ormmigrate.rendering.strings import comment

VARIABLE = "DATABASE_URL"
MODELS_HINT = "left as it is; its models take the Database: from .db import db, in place of one of their own"
CALL_PACKAGE = "say what it is to be called: --package shop"


@dataclass(frozen=True)
class File:
    """A file of the project.

    Attributes:
        content: None where it stays as it is.
        done: what is done, in words.
    """

    path: Path
    content: bytes | None
    done: str


@dataclass(frozen=True)
class Layout:
    """Where the files of a project are, or will be; looked at once, before anything is written.

    Attributes:
        folder: the package's.
        app: where its Database is, `"shop.db:db"`.
        database: the module of that.
        unmanaged: tables of others, by pyproject.toml.
        section: what pyproject.toml becomes; None where it has the section already.
        has_package, has_models, has_database: whether these files are there.
    """

    root: Path
    folder: Path
    package: str
    app: str
    database: Path
    unmanaged: tuple[str, ...]
    section: bytes | None
    has_package: bool
    has_models: bool
    has_database: bool

    @property
    def is_relative(self) -> bool:
        """Whether the Database is in the same package as the models."""
        return split_app(self.app)[0].rpartition(".")[0] == self.package

    @property
    def imported(self) -> Import:
        """Where models import the Database from."""
        module, name = split_app(self.app)
        return Import(f".{module.rpartition('.')[2]}" if self.is_relative else module, name)

    def migration_module(self, id: str) -> str:
        return f"{self.package}.migrations.m{id}"

    def migration_path(self, id: str) -> Path:
        return self.folder / "migrations" / f"m{id}.py"

    def files(self, models: str, id: str, migration: str, url: str, *, is_secret: bool) -> list[File]:
        """The files, in the order in which they are written.

        Args:
            url: without a password.
            is_secret: whether it had one.
        """
        registry = register(EMPTY_REGISTRY, module=f"m{id}", cls="Initial")
        found = [] if self.has_package else [_new(self.folder / "__init__.py", "", "an empty package")]
        if self.has_database:
            hint = "let its Database take the registry, migrations=registry, if it does not yet"
            found.append(File(self.database, None, f"left as it is; {hint}"))
        else:
            where = f"the URL comes from {VARIABLE}, which has to be set" if is_secret else url
            found.append(_new(self.database, self._database_text(url, is_secret=is_secret), f"the Database: {where}"))
        if self.has_models:
            found.append(File(self.folder / "models.py", None, MODELS_HINT))
        else:
            found.append(_new(self.folder / "models.py", models, "the models"))
        found.append(
            _new(self.folder / "migrations" / "__init__.py", registry, "the registry, with the initial migration")
        )
        found.append(_new(self.migration_path(id), migration, "what makes these tables"))
        return [*found, self._configuration()]

    def _configuration(self) -> File:
        path, settings = self.root / CONFIGURATION, f'app = "{self.app}", models = "{self.package}.models"'
        if self.section is None:
            return File(path, None, f"left as it is: it has [{SECTION}] already; in there belong {settings}")
        return File(path, self.section, f"[{SECTION}] {settings}")

    def _database_text(self, url: str, *, is_secret: bool) -> str:
        _, name = split_app(self.app)
        place = Call(Word("os.environ.get"), (Text(VARIABLE), Text(url))) if is_secret else Text(url)
        made = Call(Word("Database"), (place, Keyword("migrations", Word("registry"))))
        home = ".migrations" if self.is_relative else f"{self.package}.migrations"
        found = ['"""The application\'s database."""', ""]
        found += ["import os", ""] if is_secret else []
        found += ["from ormmigrate import Database", "", f"from {home} import registry", ""]
        found += comment(f"The whole URL is in {VARIABLE}: a password is kept in no file.", 0) if is_secret else []
        return "\n".join([*found, *lines(made, 0, f"{name} = ")]) + "\n"


def _new(path: Path, text: str, done: str) -> File:
    return File(path, text.encode(), done)


def layout_of(root: Path, package: str | None, app: str | None, database: str) -> Layout:
    """The layout of a project, of which nothing is touched.

    Args:
        database: its name or path, which a package that is not there yet is called after.

    Raises:
        ConfigurationError: the package is not clear, or has migrations already; the Database is to be where there
            is no place for it.
    """
    folder = _folder(root, package, database)
    top = root / "src" if folder.is_relative_to(root / "src") else root
    package = ".".join(folder.relative_to(top).parts)
    require_unwritten(folder / "migrations" / "__init__.py")
    require_unwritten(folder / "migrations.py")
    usual = f"{package}.db:db"
    split_app(app or usual)
    section = with_section(root / CONFIGURATION, app or usual, f"{package}.models")
    settings = _settings(root, app, usual) if section is None else Settings(app or usual, (), root)
    app = str(settings.app)
    path = _module(top, folder, app)
    return Layout(
        root,
        folder,
        package,
        app,
        path,
        settings.unmanaged,
        section,
        has_package=(folder / "__init__.py").is_file(),
        has_models=_is_written(folder / "models.py") or (folder / "models").is_dir(),
        has_database=_is_written(path),
    )


def _settings(root: Path, app: str | None, usual: str) -> Settings:
    """What pyproject.toml says; it may have the section for the sake of what is unmanaged."""
    try:
        return load_settings(root, {}, app)
    except ConfigurationError:
        return load_settings(root, {}, usual)


def _folder(root: Path, package: str | None, database: str) -> Path:
    """The package's folder, which may not be there yet."""
    if package is not None:
        names = package.split(".")
        if not all(name.isidentifier() and not iskeyword(name) for name in names):
            raise ConfigurationError(f"{package!r} is no name for a package.", CALL_PACKAGE)
        there = [top.joinpath(*names) for top in (root, root / "src") if top.joinpath(*names).is_dir()]
        return there[0] if there else root.joinpath(*names)
    found = packages_in(root) or packages_in(root / "src")
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(
            f"{root} has several packages: {listed(folder.name for folder in found)}.",
            "say which one gets the models: --package shop",
        )
    return root / _package_name(root, database)


def _package_name(root: Path, database: str) -> str:
    """What a package for a database is called: as that is, unless the name means something else already."""
    name = re.sub(r"\W+", "_", Path(database).stem).strip("_").lower()
    name = name if name[:1].isalpha() else f"db_{name}"
    is_taken = iskeyword(name) or name in NOT_THE_APPLICATION or (root / f"{name}.py").exists()
    if not is_taken and not (root / name).exists():
        is_taken = find_spec(name) is not None
    return f"{name}_app" if is_taken else name


def _module(top: Path, folder: Path, app: str) -> Path:
    """The file of the Database's module.

    Raises:
        ConfigurationError: the package that it is to be in is not there, and is not the one that is made.
    """
    path = top.joinpath(*split_app(app)[0].split("."))
    if path.is_dir():
        return path / "__init__.py"
    if path.parent not in (folder, top) and not path.parent.is_dir():
        raise ConfigurationError(
            f"{app} is to hold the Database, and there is no folder {path.parent}.",
            f"leave --app out, or name a module of the package: --app {folder.name}.db:db",
        )
    return path.with_name(f"{path.name}.py")


def _is_written(path: Path) -> bool:
    return path.is_file() and bool(path.read_bytes().strip())
