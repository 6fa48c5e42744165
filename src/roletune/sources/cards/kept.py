"""Models that lose nothing: unknown keys stay, and the order of the keys is the file's.

The models of cards and lorebooks stand on `Kept`. `document()` gives back what was read, with what was changed since;
pydantic's own dump would put known fields first and drop the order.
"""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from roletune.errors import SourceError

K = TypeVar("K", bound="Kept")


class Kept(BaseModel):
    """A frozen value that keeps the keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="allow")
    _order: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _remember_order(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(value)
        if isinstance(value, dict):
            made._order = tuple(value)
        return made

    def document(self) -> dict[str, Any]:
        """As JSON holds it: the keys that were read or set, in the order they were read."""
        fields = type(self).model_fields
        values = {name: getattr(self, name) for name in fields if name in self.model_fields_set}
        values |= self.__pydantic_extra__ or {}
        return {key: _plain(values[key]) for key in (*self._order, *values) if key in values}


def build(model: type[K], document: Any, name: str) -> K:
    """A model of what a file holds. Raises SourceError with the first places that are wrong."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'all of it'}: {fault['msg']}" for fault in error.errors()]
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise SourceError(f"{name} is no sound card ({'; '.join(faults[:3])}{more}). Mend these places.") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Kept):
        return value.document()
    if isinstance(value, list):
        return [item.document() if isinstance(item, Kept) else item for item in value]
    return value


# Front ends write null, numbers and bare strings where the specification has texts: what they mean is plain.


def _as_text(value: Any) -> Any:
    return "" if value is None else str(value) if isinstance(value, bool | int | float) else value


def _as_texts(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else _as_list(value)


def _as_whole(value: Any) -> Any:
    return [value] if isinstance(value, str) else _as_list(value)


def _as_list(value: Any) -> Any:
    return [] if value is None else [_as_text(item) for item in value] if isinstance(value, list) else value


def _as_flag(value: Any) -> Any:
    return bool(value) if value is None or isinstance(value, int | float) else value


def _as_object(value: Any) -> Any:
    return {} if value is None else value


Text = Annotated[str, BeforeValidator(_as_text)]
Texts = Annotated[list[str], BeforeValidator(_as_texts)]
Whole = Annotated[list[str], BeforeValidator(_as_whole)]  # texts in which a comma separates nothing
Flag = Annotated[bool, BeforeValidator(_as_flag)]
Object = Annotated[dict[str, Any], BeforeValidator(_as_object)]
