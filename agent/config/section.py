"""What every section of the configuration file shares."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema, model_validator

from agent.config.reading import quoted
from agent.config.values import text as read_text
from checks.pattern import Pattern


class Section(BaseModel):
    """What is written without a value counts as not written."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _written(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value is not None or name not in cls.model_fields}


def url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value):
        raise ValueError("not a URL; write http://127.0.0.1:4566, without user or password")
    return value


def pattern(value: object) -> Pattern:
    written = read_text(value)
    try:
        return Pattern.parse(written)
    except ValueError as error:
        raise ValueError(f"{quoted(written)} is no resource; {error}") from None


Resources = Annotated[Pattern, PlainValidator(pattern), WithJsonSchema({"type": "string", "minLength": 1})]
