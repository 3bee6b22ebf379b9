"""One function per API: a request and its circumstances in, a response out. `APIS` is all that the cluster can do."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kafka.protocol.admin import (
    DescribeClientQuotasRequest,
    DescribeClusterRequest,
    DescribeConfigsRequest,
    DescribeGroupsRequest,
    DescribeLogDirsRequest,
    DescribeQuorumRequest,
    ListGroupsRequest,
    ListPartitionReassignmentsRequest,
)
from kafka.protocol.consumer import FetchRequest, ListOffsetsRequest, OffsetFetchRequest
from kafka.protocol.metadata import ApiVersionsRequest, FindCoordinatorRequest, MetadataRequest
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from agent.collect.kafka.messages import (
    ConsumerGroupDescribeRequest,
    DescribeShareGroupOffsetsRequest,
    DescribeTopicPartitionsRequest,
    ShareGroupDescribeRequest,
    StreamsGroupDescribeRequest,
)
from agent.demo.cluster.handlers.brokers import (
    api_versions,
    describe_cluster,
    describe_log_dirs,
    describe_quorum,
    describe_topic_partitions,
    find_coordinator,
    list_reassignments,
    metadata,
)
from agent.demo.cluster.handlers.call import Call
from agent.demo.cluster.handlers.configs import describe_client_quotas, describe_configs
from agent.demo.cluster.handlers.fetch import fetch
from agent.demo.cluster.handlers.groups import (
    describe_consumer_groups,
    describe_groups,
    describe_share_groups,
    describe_streams_groups,
    list_groups,
    share_group_offsets,
)
from agent.demo.cluster.handlers.offsets import list_offsets, offset_fetch

API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 17, 36


class Api(NamedTuple):
    """`handle` is None where the answer depends on the connection: SASL."""

    request: Any
    lowest: int
    highest: int
    handle: Callable[[Call, Any], Any] | None


APIS: Mapping[int, Api] = {
    1: Api(FetchRequest, 4, 12, fetch),
    2: Api(ListOffsetsRequest, 1, 11, list_offsets),
    3: Api(MetadataRequest, 0, 13, metadata),
    9: Api(OffsetFetchRequest, 1, 10, offset_fetch),
    10: Api(FindCoordinatorRequest, 0, 6, find_coordinator),
    15: Api(DescribeGroupsRequest, 0, 6, describe_groups),
    16: Api(ListGroupsRequest, 0, 5, list_groups),
    SASL_HANDSHAKE: Api(SaslHandshakeRequest, 0, 1, None),
    API_VERSIONS: Api(ApiVersionsRequest, 0, 4, api_versions),
    32: Api(DescribeConfigsRequest, 1, 4, describe_configs),
    35: Api(DescribeLogDirsRequest, 1, 5, describe_log_dirs),
    46: Api(ListPartitionReassignmentsRequest, 0, 0, list_reassignments),
    SASL_AUTHENTICATE: Api(SaslAuthenticateRequest, 0, 2, None),
    48: Api(DescribeClientQuotasRequest, 0, 1, describe_client_quotas),
    55: Api(DescribeQuorumRequest, 0, 2, describe_quorum),
    60: Api(DescribeClusterRequest, 0, 2, describe_cluster),
    69: Api(ConsumerGroupDescribeRequest, 0, 1, describe_consumer_groups),
    75: Api(DescribeTopicPartitionsRequest, 0, 0, describe_topic_partitions),
    77: Api(ShareGroupDescribeRequest, 1, 1, describe_share_groups),
    89: Api(StreamsGroupDescribeRequest, 0, 0, describe_streams_groups),
    90: Api(DescribeShareGroupOffsetsRequest, 0, 1, share_group_offsets),
}


def advertised(limits: Mapping[int, int | None]) -> dict[int, tuple[int, int]]:
    """{API key: (lowest, highest version)} under `limits`, {API key: highest version, None to hide the API}."""
    versions = {}
    for key, api in APIS.items():
        limit = limits.get(key, api.highest)
        if limit is not None and limit >= api.lowest:
            versions[key] = (api.lowest, min(limit, api.highest))
    return versions


__all__ = ["APIS", "API_VERSIONS", "SASL_AUTHENTICATE", "SASL_HANDSHAKE", "Api", "Call", "advertised"]
