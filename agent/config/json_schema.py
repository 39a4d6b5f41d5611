"""The JSON Schema of `agent.toml`, for editors: made from the models that check the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import time, timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from agent.config.docstrings import field_docstrings
from agent.config.references import accepting_references
from agent.config.schema import NAME, AgentSettings, MachineTable, NotifierTable
from agent.registry import MachineKind, NotifierKind, Registry
from agent.settings import format_duration

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The youngest that editors' TOML extensions all understand."""

FILE_NAME = "agent.schema.json"
DIRECTIVE = f"#:schema ./{FILE_NAME}"
"""The first line of a file whose editor is to complete and check it."""

_DURATION = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$", "examples": ["10s", "1h30m"]}
_TIME = {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$", "examples": ["06:00"]}
_TEMPLATE = "#/definitions/{model}"


Kind = MachineKind | NotifierKind


def json_schema(registry: Registry) -> dict[str, Any]:
    """The schema of a file, with the tables of all kinds that the loaded plugins offer."""
    offered: dict[str, tuple[type[BaseModel], list[Kind]]] = {
        "machines": (MachineTable, [*registry.machines.values()]),
        "notifiers": (NotifierTable, [*registry.notifiers.values()]),
    }
    kinds = [kind for _, some in offered.values() for kind in some]
    cores = [model for model, _ in offered.values()]
    definitions, names = _definitions([AgentSettings, *cores, *(kind.settings for kind in kinds)])
    root = definitions.pop(names[AgentSettings])
    for key, (model, some) in offered.items():
        core = definitions.pop(names[model])
        tables = {f"{key}.{one.kind}": _table(core, definitions[names[one.settings]], one) for one in some}
        root["properties"][key] = _named(tables, core)
        definitions |= tables
    for kind in kinds:
        definitions.pop(names[kind.settings], None)
    whole = {"$schema": DRAFT, **root, "title": "agent.toml", "definitions": definitions}
    return accepting_references(whole)


def _named(tables: Iterable[str], core: Mapping[str, Any]) -> dict[str, Any]:
    """Tables by their names, each of one of the kinds."""
    return {
        "type": "object",
        "description": core["description"],
        "propertyNames": {"pattern": NAME},
        "additionalProperties": {"oneOf": [{"$ref": _TEMPLATE.format(model=name)} for name in tables]},
    }


def _definitions(
    models: Iterable[type[BaseModel]],
) -> tuple[dict[str, Any], dict[Any, str]]:
    """What the models say, by name, and under which name each of them does."""
    refs, generated = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)],
        ref_template=_TEMPLATE,
        schema_generator=_TomlSchema,
    )
    names = {model: ref["$ref"].rpartition("/")[2] for (model, _), ref in refs.items()}
    return dict(generated["$defs"]), names


def _table(core: Mapping[str, Any], own: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """The table of one kind: the core's keys and the plugin's."""
    return {
        "type": "object",
        "description": own.get("description", ""),
        "properties": {**own["properties"], **core["properties"], "kind": {"const": kind.kind}},
        "required": [*core["required"], *own.get("required", ())],
        "additionalProperties": own.get("additionalProperties", True),
    }


class _TomlSchema(GenerateJsonSchema):
    """As TOML has it: nothing is null, and a duration is a text of ours."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:
        return dict(_DURATION)

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchemaValue:
        return dict(_TIME)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        fields = schema["cls"].model_fields
        for name, text in field_docstrings(schema["cls"]).items():
            key = fields[name].alias or name if name in fields else name
            if key in made.get("properties", {}):
                made["properties"][key].setdefault("description", text)
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, time):
            return f"{dft:%H:%M}"
        if isinstance(dft, BaseModel):
            return {name: self.encode_default(value) for name, value in dft if value is not None}
        return super().encode_default(dft)
