"""Estimators that differ from another one in their defaults, without a second list of its parameters."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type)


def with_defaults(**defaults: Any) -> Callable[[Class], Class]:
    """A class decorator that keeps the base class's constructor but changes some of its defaults.

    Names that are not parameters of the base class become parameters of the class.

    scikit-learn reads parameters from the signature of ``__init__``, which is that of the base class with
    these changes.

    >>> class Base:
    ...     def __init__(self, *, a=1, b=2):
    ...         self.a, self.b = a, b
    >>> @with_defaults(b=3, c=4)
    ... class Other(Base):
    ...     pass
    >>> Other().b, Other(b=4).b, Other(c=5).c, str(inspect.signature(Other))
    (3, 4, 5, '(*, a=1, b=3, c=4)')
    """

    def decorate(cls: Class) -> Class:
        base: Any = cls.__mro__[1]
        signature = inspect.signature(base.__init__)
        own = [name for name in defaults if name not in signature.parameters]
        parameters = [
            p.replace(default=defaults.get(name, p.default))
            for name, p in signature.parameters.items()
        ]
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters += [inspect.Parameter(name, keyword, default=defaults[name]) for name in own]

        def construct(self: Any, **given: Any) -> None:
            values = {**defaults, **given}
            for name in own:
                setattr(self, name, values.pop(name))
            base.__init__(self, **values)

        construct.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        cls.__init__ = construct  # type: ignore[misc]
        return cls

    return decorate
