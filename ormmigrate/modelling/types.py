"""The field classes of columns: peewee's own, classes that the file of models defines itself, and RawField."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import peewee
from peewee import (
    AutoField,
    BareField,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    Field,
    FloatField,
    ForeignKeyField,
    IdentityField,
    IntegerField,
    JSONField,
    TextField,
    TimeField,
)

from ormmigrate.fields import RawField
from ormmigrate.rendering import fields
from ormmigrate.rendering.expressions import Call, Import, Word
from ormmigrate.schema import Column, Kind, Table

#: Types by name: the class whose conversions fit, and what a subclass of it is called.
CLASSES: dict[str, tuple[type[Field], str]] = {
    **{name: (IntegerField, words) for name, words in (
        ("int", "Int"), ("integer", "Integer"), ("tinyint", "TinyInt"), ("smallint", "SmallInt"),
        ("mediumint", "MediumInt"), ("bigint", "BigInt"), ("int2", "Int2"), ("int4", "Int4"), ("int8", "Int8"),
        ("unsigned big int", "UnsignedBigInt"), ("year", "Year"),
    )},
    **{name: (TextField, words) for name, words in (
        ("char", "Char"), ("character", "Character"), ("nchar", "NChar"), ("native character", "NativeCharacter"),
        ("varchar", "VarChar"), ("character varying", "VarChar"), ("varying character", "VaryingCharacter"),
        ("nvarchar", "NVarChar"), ("varchar2", "VarChar2"), ("nvarchar2", "NVarChar2"), ("string", "String"),
        ("text", "Text"), ("ntext", "NText"), ("tinytext", "TinyText"), ("mediumtext", "MediumText"),
        ("longtext", "LongText"), ("clob", "Clob"), ("nclob", "NClob"), ("citext", "CIText"),
    )},
    **{name: (DecimalField, words) for name, words in (
        ("decimal", "Decimal"), ("numeric", "Numeric"), ("dec", "Dec"), ("fixed", "Fixed"), ("number", "Number"),
    )},
    **{name: (FloatField, words) for name, words in (
        ("float", "Float"), ("real", "Real"), ("double", "Double"), ("double precision", "DoublePrecision"),
        ("float4", "Float4"), ("float8", "Float8"),
    )},
    **{name: (BlobField, words) for name, words in (
        ("blob", "Blob"), ("binary", "Binary"), ("varbinary", "VarBinary"), ("tinyblob", "TinyBlob"),
        ("mediumblob", "MediumBlob"), ("longblob", "LongBlob"), ("bytea", "Bytea"), ("image", "Image"),
    )},
    **{name: (DateTimeField, words) for name, words in (
        ("datetime", "DateTime"), ("timestamp", "Timestamp"), ("datetime2", "DateTime2"),
        ("smalldatetime", "SmallDateTime"), ("timestamptz", "TimestampTZ"),
    )},
    "bool": (BooleanField, "Bool"),
    "boolean": (BooleanField, "Boolean"),
    "date": (DateField, "Date"),
    "time": (TimeField, "Time"),
    "json": (JSONField, "Json"),
    "jsonb": (JSONField, "JsonB"),
}  # fmt: skip
#: What may stand behind a type and its arguments, and how a class's name says it.
BEHIND = {
    "unsigned": "Unsigned",
    "unsigned zerofill": "UnsignedZerofill",
    "with time zone": "TZ",
    "without time zone": "",
}
FORM = re.compile(r"(?P<name>[a-z][a-z0-9 ]*?) ?(?:\((?P<numbers>\d+(?:, ?\d+)?)\) ?(?P<behind>[a-z ]*))?")
#: peewee puts a type of the database's in place of these.
REPLACED = {*peewee.FIELD, "JSON"}  # type: ignore[attr-defined]
IDENTITIES = ("ALWAYS", "BY DEFAULT")


@dataclass(frozen=True)
class OwnClass:
    """A field class that the file of models defines.

    Attributes:
        base: the class that it derives from.
        type: the type that it asks for in place of the base's.
    """

    name: str
    base: type[Field]
    type: str


@dataclass(frozen=True)
class Typed:
    """The field of a column, as far as its type goes.

    Attributes:
        field: of peewee's class, or of the own class's base, with its arguments.
        cls: the class as the file names it.
        own: whether the file defines it.
    """

    field: Field
    cls: Word
    own: bool = False


@dataclass
class Types:
    """Finds the field classes of columns, and keeps those that the file has to define.

    Attributes:
        taken: names that they cannot have.
    """

    kind: Kind
    taken: set[str] = field(default_factory=set)
    own: dict[tuple[type[Field], str], OwnClass] = field(default_factory=dict)

    def typed(self, table: Table, column: Column) -> Typed:
        """The field that makes a column's type, and numbers rows where the column does."""
        made = self.kind.field_of(column)
        if list(table.primary_key) == [column.name] and (numbering := self._numbering(table, column, made)):
            return numbering
        if column.identity == "SERIAL":
            size = {BigIntegerField: "BIG", IntegerField: ""}.get(type(made), "SMALL")
            return self.defined(IntegerField(), f"{size}SERIAL", f"{size.title()}Serial")
        return self._plain(column, made)

    def referring(self, column: Column) -> Word:
        """The class of a foreign key that has another type than the one it refers to would give it."""
        own = self._own(ForeignKeyField, column.type, f"{_said(column.type)}ForeignKey")
        return Word(own.name)

    # -- numbers --------------------------------------------------------------------------------

    def _numbering(self, table: Table, column: Column, made: Field) -> Typed | None:
        """The field of a primary key that the database gives numbers to."""
        if column.identity == "AUTOINCREMENT":
            module = "playhouse.sqlite_ext"
            return Typed(AutoField(), Word("AutoIncrementField", Import(module, "AutoIncrementField")))
        if column.identity is None:
            return _of_peewee(AutoField()) if self.kind.numbers_rows(table, column) else None
        if column.identity in IDENTITIES and type(made) is IntegerField:
            return _of_peewee(IdentityField(generate_always=column.identity == "ALWAYS"))
        usual: dict[type[Field], Field] = {IntegerField: AutoField(), BigIntegerField: BigAutoField()}
        if column.identity not in IDENTITIES and type(made) in usual:
            return _of_peewee(usual[type(made)])
        base = BigAutoField() if "big" in column.type.lower() else AutoField()
        text = {
            "SERIAL": "SMALLSERIAL",
            "AUTO_INCREMENT": f"{column.type} AUTO_INCREMENT",
        }.get(column.identity, f"{column.type} GENERATED {column.identity} AS IDENTITY")
        words = "Identity" if column.identity in IDENTITIES else "Auto"
        return self.defined(base, text, f"{_said(column.type)}{words}")

    # -- everything else ------------------------------------------------------------------------

    def _plain(self, column: Column, made: Field) -> Typed:
        if not isinstance(made, RawField):
            return _of_peewee(made)
        if not made.column_type:
            return _of_peewee(BareField())
        words = _Words.of(column.type)
        base, said = (None, "") if words is None else CLASSES.get(words.name, (None, ""))
        if words is None or base is None:
            return Typed(made, Word("RawField", Import("ormmigrate", "RawField")))
        name = column.type.partition("(")[0].strip()
        if not words.behind:
            if base is TextField and len(words.numbers) == 1 and words.numbers[0]:
                return self.defined(CharField(max_length=words.numbers[0]), name, said)
            if base is DecimalField and len(words.numbers) == 2:
                digits, places = words.numbers
                return self.defined(DecimalField(max_digits=digits, decimal_places=places), name, said)
        if base is DecimalField:  # which says two numbers always
            return Typed(made, Word("RawField", Import("ormmigrate", "RawField")))
        return self.defined(base(), column.type, _said(column.type))

    def defined(self, base: Field, type_: str, words: str) -> Typed:
        """A field of a class that the file defines."""
        return Typed(base, Word(self._own(type(base), type_, words).name), own=True)

    def _own(self, base: type[Field], type_: str, words: str) -> OwnClass:
        key = (base, type_)
        if key not in self.own:
            self.own[key] = OwnClass(self._free(f"{words}Field"), base, type_)
        return self.own[key]

    def _free(self, name: str) -> str:
        used = {own.name for own in self.own.values()} | self.taken
        name = f"Plain{name}" if hasattr(peewee, name) else name
        candidates = [name, *(f"{name.removesuffix('Field')}{number}Field" for number in range(2, len(used) + 3))]
        return next(candidate for candidate in candidates if candidate not in used)


def _of_peewee(made: Field) -> Typed:
    call = fields.expression(made)
    assert isinstance(call, Call)
    return Typed(made, call.function)


@dataclass(frozen=True)
class _Words:
    """A type in its parts: `int(10) unsigned`."""

    name: str
    numbers: tuple[int, ...]
    behind: str

    @classmethod
    def of(cls, type_: str) -> _Words | None:
        form = FORM.fullmatch(type_.lower())
        if form is None:
            return None
        name, behind = form["name"], (form["behind"] or "").strip()
        for words in BEHIND:
            if name.endswith(f" {words}"):
                name, behind = name.removesuffix(f" {words}"), words
        if behind and behind not in BEHIND:
            return None
        return cls(name, tuple(map(int, (form["numbers"] or "").split(",") if form["numbers"] else ())), behind)


def _said(type_: str) -> str:
    """A type as a part of a class's name: `IntUnsigned`, `DateTime6`."""
    words = _Words.of(type_)
    if words is None:
        return "".join(word.title() for word in re.findall(r"\w+", type_))
    name = CLASSES[words.name][1] if words.name in CLASSES else "".join(map(str.title, words.name.split()))
    # The number behind an integer is how wide it is shown.
    is_whole = CLASSES.get(words.name, (None,))[0] is IntegerField
    numbers = "" if is_whole else "_".join(map(str, words.numbers))
    numbers = f"_{numbers}" if numbers and name[-1].isdecimal() else numbers
    return f"{name}{numbers}{BEHIND.get(words.behind, '')}"


def spelled(type_: str) -> str:
    """A type as `field_type` has to be given it, so that peewee puts nothing else in its place."""
    return type_.lower() if type_ in REPLACED else type_
