"""DescribeConfigs: of topics, which have their own values before the brokers' and Kafka's, and of brokers; quotas of clients."""

from collections.abc import Mapping
from typing import Any

from kafka.protocol.admin import DescribeClientQuotasResponse, DescribeConfigsResponse

from agent.demo.cluster.handlers.call import (
    CLUSTER_AUTHORIZATION_FAILED,
    INVALID_REQUEST,
    NONE,
    TOPIC_AUTHORIZATION_FAILED,
    UNKNOWN_TOPIC_OR_PARTITION,
    Call,
)
from agent.demo.cluster.model import Config, Source

_TOPIC, _BROKER = 2, 4
_STRING = 2

_RESULT = DescribeConfigsResponse.DescribeConfigsResult
_ENTRY = _RESULT.DescribeConfigsResourceResult
_SYNONYM = _ENTRY.DescribeConfigsSynonym


def describe_configs(call: Call, request: Any) -> Any:
    return DescribeConfigsResponse(results=[_resource(call, request, asked) for asked in request.resources])


def _resource(call: Call, request: Any, asked: Any) -> Any:
    kind, name = asked.resource_type, asked.resource_name
    error, layers = _layers(call, kind, name)
    keys = None if asked.configuration_keys is None else set(asked.configuration_keys)
    names = sorted({key for layer in layers for key in layer if keys is None or key in keys})
    return _RESULT(
        error_code=error,
        error_message="simulated" if error else None,
        resource_type=kind,
        resource_name=name,
        configs=[_entry(request, key, [layer[key] for layer in layers if key in layer]) for key in names],
    )


def _layers(call: Call, kind: int, name: str) -> tuple[int, list[Mapping[str, Config]]]:
    """(error, where values come from, the one that counts first)"""
    if error := call.errors.resource(kind, name):
        return error, []
    if kind == _TOPIC:
        if name not in call.rights.topic_configs:
            return TOPIC_AUTHORIZATION_FAILED, []
        topic = call.model.topics.get(name)
        return (UNKNOWN_TOPIC_OR_PARTITION, []) if topic is None else (NONE, [topic.configs, call.model.topic_defaults])
    if kind != _BROKER:
        return INVALID_REQUEST, []
    if not call.rights.cluster_configs:
        return CLUSTER_AUTHORIZATION_FAILED, []
    if name == "":
        shared = call.model.brokers[call.broker].configs.items()
        return NONE, [{key: value for key, value in shared if value.source == Source.DYNAMIC_DEFAULT_BROKER}]
    # A broker speaks for itself only.
    return (NONE, [call.model.brokers[call.broker].configs]) if name == str(call.broker) else (INVALID_REQUEST, [])


def _entry(request: Any, key: str, values: list[Config]) -> Any:
    first = values[0]
    return _ENTRY(
        name=key,
        value=None if first.sensitive else first.value,
        read_only=first.read_only,
        is_default=first.source == Source.DEFAULT,
        config_source=first.source,
        is_sensitive=first.sensitive,
        synonyms=[_SYNONYM(name=key, value=None if v.sensitive else v.value, source=v.source) for v in values]
        if request.include_synonyms
        else [],
        config_type=_STRING,
        documentation=None,
    )


_EXACT, _DEFAULT = 0, 1


def describe_client_quotas(call: Call, request: Any) -> Any:
    """Of every entity that has what is asked for, and with `strict` nothing else."""
    error = call.errors.everything if call.rights.cluster_configs else CLUSTER_AUTHORIZATION_FAILED
    if error:
        return DescribeClientQuotasResponse(error_code=error, error_message="simulated", entries=None)
    wanted = {one.entity_type: one for one in request.components}
    entries = [
        (list(entity), list(values.items()))
        for entity, values in call.model.quotas.items()
        if wanted.keys() <= dict(entity).keys()
        and not (request.strict and dict(entity).keys() - wanted.keys())
        and all(_matches(wanted[kind], name) for kind, name in entity if kind in wanted)
    ]
    return DescribeClientQuotasResponse(error_code=NONE, error_message=None, entries=entries)


def _matches(component: Any, name: str | None) -> bool:
    if component.match_type == _EXACT:
        return bool(name == component.match)
    return component.match_type != _DEFAULT or name is None
