"""Whether values that come from a file are of the kinds that a dataclass says."""

from collections.abc import Mapping
from typing import Any

from typeguard import TypeCheckError, check_type


def check_fields(values: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    """Compare values with the types that are expected of them.

    Raises:
        TypeError: naming the first that is of another type.
    """
    for name, value in values.items():
        try:
            check_type(value, hints[name])
        except TypeCheckError as error:
            raise TypeError(f"{name} is {value!r}, which {str(error).split(' ', 1)[1]}") from error
