"""Pure: a JSON Schema that takes `${ENV_NAME}` or `${file:PATH}` wherever the program does."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

REFERENCE = {
    "type": "string",
    "pattern": r"\$\{",
    "description": "`${ENV_NAME}` or `${file:PATH}` stands for a value that is kept elsewhere.",
}
_REF = {"$ref": "#/definitions/Reference"}
_NOTES = ("default", "description", "examples", "title")
_MAPS = ("properties", "patternProperties", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf")
_BOUNDS = {"pattern", "minLength", "maxLength", "enum"}


def accepting_references(whole: Schema) -> Schema:
    """The schema, in which a value that is bounded, or no text, may be a reference as well."""
    opened = _opened(whole)
    opened["definitions"]["Reference"] = REFERENCE
    return opened


def _opened(schema: Schema) -> Schema:
    made = {key: _inner(key, value) for key, value in schema.items()}
    notes = {key: made.pop(key) for key in _NOTES if key in made}
    if "$ref" in made and notes:
        return {**notes, "allOf": [made]}  # of this draft: whatever stands beside a $ref does not count
    if _is_bounded(made):
        return {**notes, "anyOf": [made, _REF]}
    return {**notes, **made}


def _inner(key: str, value: Any) -> Any:
    if key in _MAPS:
        return {name: _opened(one) for name, one in value.items()}
    if key in _LISTS:
        return [_opened(one) for one in value]
    return _opened(value) if key in ("items", "additionalProperties") and isinstance(value, dict) else value


def _is_bounded(schema: Schema) -> bool:
    kind = schema.get("type")
    return kind in ("integer", "number", "boolean") or (kind == "string" and not _BOUNDS.isdisjoint(schema))
