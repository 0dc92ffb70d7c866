"""How a table of parameters is written: dataclasses whose fields say their default, help, range and choices.

A table is a dataclass of :mod:`convae.config.parameters`. From it come the constructor of an estimator (which
inherits the table), the options of the command line, the keys of TOML files, and the checks of values.
"""

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class", bound=type)
_KEY = "setting"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One parameter of an estimator.

    Attributes:
        name: the name of the argument.
        kind: ``int``, ``float``, ``text``, ``ints`` or ``flag``.
        default: the default; None where the estimator chooses the value.
        help: the help text, without the default.
        group: the heading in the help.
        unset: what the estimator chooses for None, in a few words.
        choices: the allowed values; empty if any value is allowed.
        least, most: the ends of the range of a number; None for none.
        flag: the option, if it is not ``--name``.
        values: the number of words of an ``ints`` option (``--size H W``); 0 for one word, ``32,64``.
        metavar: the placeholder of the value in the help.
        common: whether the short help shows the option.
        within: the argument that the parameter is a field of, such as ``training``; empty for none.
        words: what a user can give in place of a number, such as ``auto``.
    """

    name: str
    kind: str
    default: object
    help: str = ""
    group: str = ""
    unset: str = ""
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    flag: str = ""
    values: int = 0
    metavar: str = ""
    common: bool = False
    within: str = ""
    words: tuple[str, ...] = ()

    @property
    def option(self) -> str:
        """The option, such as ``--latent-dim``."""
        return self.flag or "--" + self.name.replace("_", "-")

    @property
    def key(self) -> str:
        """The name in a TOML file and for ``--set``, such as ``latent_dim`` or ``seed``."""
        return self.option[2:].replace("-", "_")


def setting(default: Any, help: str = "", **details: Any) -> Any:
    """Return a dataclass field with what a :class:`Setting` says of it; the type gives its kind."""
    return dataclasses.field(default=default, metadata={_KEY: {"help": help, **details}})


def group_of(settings: type) -> Any:
    """Return a field for parameters that a dataclass holds; None takes the defaults of all of them."""
    return dataclasses.field(default=None, metadata={_KEY: settings})


def python_only() -> Any:
    """Return a field, None by default, that only Python has: no option, no TOML key, not in model files."""
    return dataclasses.field(default=None, metadata={_KEY: None})


@dataclass_transform(kw_only_default=True, eq_default=False)
def table(cls: Class) -> Class:
    """A class decorator: make the class a dataclass, whose constructor helps with names it does not know.

    Raises:
        TypeError: (the constructor) an argument is unknown; the message says where it belongs.
    """
    made: Any = dataclass(kw_only=True, eq=False, repr=False)(cls)
    construct = made.__init__

    @wraps(construct)
    def checked(self: Any, *values: Any, **given: Any) -> None:
        if values:
            raise TypeError(
                f"{type(self).__name__} takes named arguments only, such as latent_dim={values[0]!r:.40}"
            )
        if unknown := [name for name in given if name not in made.__dataclass_fields__]:
            raise TypeError(_unknown(type(self), unknown[0]))
        construct(self, **given)

    made.__init__ = checked
    return made  # type: ignore[no-any-return]


def _unknown(cls: type, name: str) -> str:
    """Return the message on an argument that an estimator does not have."""
    known = {one.name: one for one in settings_of(cls)}
    if name in known and (within := known[name].within):
        holder = groups_of(cls)[within].__name__
        return (
            f"{cls.__name__}: {name} is a part of {within}: write {within}={holder}({name}=...), or "
            f"{within}={{{name!r}: ...}}"
        )
    arguments = [one.name for one in dataclasses.fields(cls)]
    close = difflib.get_close_matches(name, [*arguments, *known], n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{cls.__name__} has no argument {name!r}: {hint}It has {', '.join(arguments)}"


def table_of(cls: type) -> Any:
    """Return the table that a class inherits its parameters from."""
    return next(one for one in cls.__mro__ if "__dataclass_fields__" in vars(one))


def groups_of(cls: Any) -> dict[str, type]:
    """Return the arguments of a table that hold other parameters, and the dataclass of each."""
    found: dict[str, type] = _groups_of(cls)
    return found


def settings_of(cls: Any) -> tuple[Setting, ...]:
    """Return the parameters of a table, those in groups included, without those that it does not offer."""
    found: tuple[Setting, ...] = _settings_of(cls)
    return found


@cache
def _groups_of(cls: Any) -> dict[str, type]:
    return {
        field.name: field.metadata[_KEY]
        for field in dataclasses.fields(cls)
        if isinstance(field.metadata[_KEY], type)
    }


@cache
def _settings_of(cls: Any) -> tuple[Setting, ...]:
    found: list[Setting] = []
    for field in dataclasses.fields(cls):
        if field.name in groups_of(cls):
            inner = dataclasses.fields(groups_of(cls)[field.name])
            found += [_setting(one, field.name) for one in inner]
        elif field.metadata[_KEY] is not None:
            found.append(_setting(field, ""))
    left_out, defaults = getattr(cls, "NOT_OFFERED", ()), getattr(cls, "DEFAULTS", {})
    return tuple(
        dataclasses.replace(one, default=defaults[one.name], unset="")
        if one.name in defaults
        else one
        for one in found
        if one.name not in left_out
    )


def _setting(field: "dataclasses.Field[Any]", within: str) -> Setting:
    kind = _kind(str(getattr(field.type, "__name__", field.type)))
    details: Mapping[str, Any] = field.metadata[_KEY]
    return Setting(name=field.name, kind=kind, default=field.default, within=within, **details)


def _kind(annotation: str) -> str:
    """Return the kind of values of an annotated type.

    >>> [_kind(a) for a in ("int | None", "bool", "Sequence[int] | None", "str | Loss")]
    ['int', 'flag', 'ints', 'text']
    """
    if "[int" in annotation:
        return "ints"
    first = annotation.split(" ")[0]
    return {"int": "int", "float": "float", "bool": "flag"}.get(first, "text")


def settings_in(values: Any) -> Iterator[Setting]:
    """Yield the parameters that are fields of a dataclass or an instance of one, without groups of others."""
    for field in dataclasses.fields(values):
        if isinstance(field.metadata.get(_KEY), Mapping):
            yield _setting(field, "")


def range_faults(values: Any) -> list[str]:
    """Return what is wrong with the numbers of an instance of a table, by their kinds and ranges.

    None is a value where it is the default.
    """
    faults = []
    for one in settings_in(values):
        if one.least is None or one.most is None:
            continue
        value = getattr(values, one.name)
        if value is None and one.default is None:
            continue
        whole = one.kind == "int"
        good = type(value) is int if whole else _is_number(value)
        if good and one.least <= value <= one.most:
            continue
        if whole:
            faults.append(
                f"{one.name} must be a whole number of at least {one.least:g}; got {value!r}"
            )
        else:
            faults.append(
                f"{one.name} must be a number from {one.least:g} to {one.most:g}; got {value!r}"
            )
    return faults


def plain(value: Any) -> Any:
    """Convert a value from NumPy: a grid search over ``np.arange(2, 8)`` gives NumPy numbers."""
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return plain(value.tolist())
    return value


def make_plain(values: Any) -> None:
    """Convert the fields of a frozen dataclass in place, see :func:`plain`."""
    for field in dataclasses.fields(values):
        object.__setattr__(values, field.name, plain(getattr(values, field.name)))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
