"""Estimators that differ from another in their defaults: its parameters without a second list of them."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type)


def with_defaults(**defaults: Any) -> Callable[[Class], Class]:
    """A class decorator: the constructor of the base class, with other defaults for some parameters.

    scikit-learn reads parameters from the signature of ``__init__``, which is that of the base.

    >>> class Base:
    ...     def __init__(self, *, a=1, b=2):
    ...         self.a, self.b = a, b
    >>> @with_defaults(b=3)
    ... class Other(Base):
    ...     pass
    >>> Other().b, Other(b=4).b, str(inspect.signature(Other))
    (3, 4, '(*, a=1, b=3)')
    """

    def decorate(cls: Class) -> Class:
        base: Any = cls.__mro__[1]
        signature = inspect.signature(base.__init__)
        unknown = set(defaults) - set(signature.parameters)
        assert not unknown, f"{base.__name__} has no parameters {unknown}"
        parameters = [
            p.replace(default=defaults.get(name, p.default))
            for name, p in signature.parameters.items()
        ]

        def construct(self: Any, **given: Any) -> None:
            base.__init__(self, **{**defaults, **given})

        construct.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        cls.__init__ = construct  # type: ignore[misc]
        return cls

    return decorate
