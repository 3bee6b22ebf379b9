"""One of each message that the wire layer speaks, and the bytes of some."""

import uuid
from collections.abc import Mapping
from typing import Any

ID = uuid.UUID(int=0x0102)
SERIAL, CLIENT = 0x0102, "mq"

Fields = dict[str, Any]

_PART = {"partition_index": 3, "error_code": 7}
_COMMITTED = {**_PART, "committed_offset": 40, "committed_leader_epoch": 5, "metadata": "m"}
_ASSIGNED = {"topic_partitions": [{"topic_id": ID, "topic_name": "t", "partitions": [0, 1]}]}
_TASKS = {"active_tasks": [{"subtopology_id": "0", "partitions": [0, 1]}]}
_MEMBER: Fields = {"member_id": "m", "client_id": "c", "client_host": "/h"}
_NEWER: Fields = {**_MEMBER, "rack_id": "r", "member_epoch": 5}
_GROUP: Fields = {"error_code": 30, "error_message": "no", "group_id": "g", "group_state": "Stable"}
_EPOCHS = {"group_epoch": 7, "assignment_epoch": 6}
_DESCRIBED = {**_GROUP, **_EPOCHS, "assignor_name": "uniform"}
_TAKING: Fields = {"subscribed_topic_names": ["t"], "assignment": _ASSIGNED}
_GROUPS: Fields = {"group_ids": ["g"], "include_authorized_operations": True}

EXAMPLES: Mapping[str, tuple[int, Fields, Fields]] = {
    "FetchRequest": (
        1,
        {
            "replica_id": -1, "max_wait_ms": 1, "min_bytes": 2, "max_bytes": 3, "isolation_level": 1,
            "session_id": 4, "session_epoch": -1, "forgotten_topics_data": [], "rack_id": "r",
            "topics": [{"topic": "t", "partitions": [{
                "partition": 3, "current_leader_epoch": -1, "fetch_offset": 40, "last_fetched_epoch": -1,
                "log_start_offset": -1, "partition_max_bytes": 9,
            }]}],
        },
        {
            "throttle_time_ms": 1, "error_code": 7, "session_id": 4,
            "responses": [{"topic": "t", "partitions": [{**_PART, "records": b"abc"}]}],
        },
    ),
    "ListOffsetsRequest": (
        2,
        {
            "replica_id": -1, "isolation_level": 1,
            "topics": [{"name": "t", "partitions": [
                {"partition_index": 3, "current_leader_epoch": -1, "timestamp": -2}
            ]}],
        },
        {
            "throttle_time_ms": 1,
            "topics": [{"name": "t", "partitions": [{**_PART, "timestamp": 99, "offset": 40, "leader_epoch": 5}]}],
        },
    ),
    "MetadataRequest": (
        3,
        {
            "topics": [{"name": "t"}], "allow_auto_topic_creation": False,
            "include_cluster_authorized_operations": True, "include_topic_authorized_operations": True,
        },
        {
            "throttle_time_ms": 1, "brokers": [{"node_id": 1, "host": "h", "port": 9092, "rack": "r"}],
            "cluster_id": "c", "controller_id": 1, "authorized_operations": {8, 10},
            "topics": [{
                "error_code": 5, "name": "t", "topic_id": ID, "is_internal": True, "authorized_operations": {3, 8},
                "partitions": [{
                    **_PART, "leader_id": 1, "leader_epoch": 5,
                    "replica_nodes": [1, 2], "isr_nodes": [1], "offline_replicas": [2],
                }],
            }],
        },
    ),
    "OffsetFetchRequest": (
        9,
        {
            "group_id": "g", "topics": None, "require_stable": True,
            "groups": [{"group_id": "g", "member_id": None, "member_epoch": -1, "topics": None}],
        },
        {
            "throttle_time_ms": 1, "error_code": 7, "topics": [{"name": "t", "partitions": [_COMMITTED]}],
            "groups": [
                {"group_id": "g", "error_code": 7, "topics": [{"name": "t", "partitions": [_COMMITTED]}]}
            ],
        },
    ),
    "FindCoordinatorRequest": (
        10,
        {"key": "g", "key_type": 0, "coordinator_keys": ["g"]},
        {
            "throttle_time_ms": 1, "error_code": 7, "error_message": "no", "node_id": 1, "host": "h", "port": 9092,
            "coordinators": [
                {"key": "g", "node_id": 1, "host": "h", "port": 9092, "error_code": 7, "error_message": "no"}
            ],
        },
    ),
    "DescribeGroupsRequest": (
        15,
        {"groups": ["g"], "include_authorized_operations": True},
        {"throttle_time_ms": 1, "groups": [{
            "error_code": 30, "group_id": "g", "group_state": "Stable", "protocol_type": "consumer", "protocol_data": "range",
            "members": [{
                **_MEMBER, "group_instance_id": "i", "member_metadata": b"\0\1", "member_assignment": b"\2",
            }],
            "authorized_operations": {3, 8},
        }]},
    ),
    "ListGroupsRequest": (
        16,
        {"states_filter": ["Stable"], "types_filter": ["classic"]},
        {"throttle_time_ms": 1, "error_code": 7, "groups": [
            {"group_id": "g", "protocol_type": "consumer", "group_state": "Stable", "group_type": "classic"}
        ]},
    ),
    "SaslHandshakeRequest": (17, {"mechanism": "PLAIN"}, {"error_code": 33, "mechanisms": ["PLAIN", "SCRAM-SHA-256"]}),
    "ApiVersionsRequest": (
        18,
        {"client_software_name": "a", "client_software_version": "1"},
        {
            "error_code": 0, "api_keys": [{"api_key": 3, "min_version": 1, "max_version": 13}], "throttle_time_ms": 1,
            "supported_features": [{"name": "metadata.version", "min_version": 1, "max_version": 30}],
            "finalized_features_epoch": 9,
            "finalized_features": [{"name": "metadata.version", "max_version_level": 29, "min_version_level": 29}],
        },
    ),
    "DescribeConfigsRequest": (
        32,
        {
            "resources": [{"resource_type": 2, "resource_name": "t", "configuration_keys": ["retention.ms"]}],
            "include_synonyms": False, "include_documentation": False,
        },
        {"throttle_time_ms": 1, "results": [{
            "error_code": 29, "error_message": "no", "resource_type": 2, "resource_name": "t",
            "configs": [{
                "name": "retention.ms", "value": "1", "config_source": 5, "is_sensitive": True,
            }],
        }]},
    ),
    "DescribeLogDirsRequest": (
        35,
        {"topics": None},
        {"throttle_time_ms": 1, "error_code": 31, "results": [{
            "error_code": 56, "log_dir": "/d", "total_bytes": 100, "usable_bytes": 60,
            "topics": [{"name": "t", "partitions": [
                {"partition_index": 3, "partition_size": 8, "offset_lag": 1, "is_future_key": True}
            ]}],
        }]},
    ),
    "SaslAuthenticateRequest": (
        36,
        {"auth_bytes": b"\0u\0p"},
        {"error_code": 58, "error_message": "no", "auth_bytes": b"v=", "session_lifetime_ms": 0},
    ),
    "ListPartitionReassignmentsRequest": (
        46,
        {"timeout_ms": 5000, "topics": None},
        {"throttle_time_ms": 1, "error_code": 31, "error_message": "no", "topics": [{"name": "t", "partitions": [
            {"partition_index": 3, "replicas": [1, 2], "adding_replicas": [2], "removing_replicas": [1]}
        ]}]},
    ),
    "DescribeClientQuotasRequest": (
        48,
        {"components": [{"entity_type": "client-id", "match_type": 0, "match": "c"}], "strict": True},
        {"throttle_time_ms": 1, "error_code": 31, "error_message": "no", "entries": [{
            "entity": [{"entity_type": "user", "entity_name": None}, {"entity_type": "client-id", "entity_name": "c"}],
            "values": [{"key": "consumer_byte_rate", "value": 1024.5}],
        }]},
    ),
    "DescribeQuorumRequest": (
        55,
        {"topics": [{"topic_name": "__cluster_metadata", "partitions": [{"partition_index": 0}]}]},
        {"error_code": 31, "error_message": "no", "topics": [{"topic_name": "__cluster_metadata", "partitions": [
            {"partition_index": 0, "error_code": 6, "error_message": "no", "leader_id": 1, "leader_epoch": 5, "current_voters": [
                {"replica_id": 2, "last_fetch_timestamp": 1795910247901, "last_caught_up_timestamp": 1795910247418}
            ]}
        ]}], "nodes": [{"node_id": 2, "listeners": [{"name": "C", "host": "b2", "port": 9093}]}]},
    ),
    "DescribeProducersRequest": (
        61,
        {"topics": [{"name": "t", "partition_indexes": [0, 3]}]},
        {"throttle_time_ms": 1, "topics": [{"name": "t", "partitions": [{
            **_PART, "error_message": "no", "active_producers": [{
                "producer_id": 9, "producer_epoch": 2, "current_txn_start_offset": 40,
            }],
        }]}]},
    ),
    "ListTransactionsRequest": (
        66,
        {"state_filters": ["Ongoing"], "producer_id_filters": [9]},
        {"throttle_time_ms": 1, "error_code": 7, "transaction_states": [
            {"transactional_id": "x", "producer_id": 9, "transaction_state": "Ongoing"}
        ]},
    ),
    "DescribeTransactionsRequest": (
        65,
        {"transactional_ids": ["x"]},
        {"throttle_time_ms": 1, "transaction_states": [{
            "error_code": 7, "transactional_id": "x", "transaction_state": "Ongoing", "transaction_timeout_ms": 60,
            "transaction_start_time_ms": 99, "producer_id": 9, "producer_epoch": 5,
            "topics": [{"topic": "t", "partitions": [0, 1]}],
        }]},
    ),
    "ConsumerGroupDescribeRequest": (
        69,
        _GROUPS,
        {"throttle_time_ms": 1, "groups": [{
            **_DESCRIBED, "members": [{**_NEWER, **_TAKING, "instance_id": "i", "target_assignment": _ASSIGNED}],
            "authorized_operations": {3, 8},
        }]},
    ),
    "DescribeTopicPartitionsRequest": (
        75,
        {
            "topics": [{"name": "t"}], "response_partition_limit": 2000,
            "cursor": {"topic_name": "t", "partition_index": 3},
        },
        {"throttle_time_ms": 1, "next_cursor": {"topic_name": "t", "partition_index": 4}, "topics": [{
            "error_code": 5, "name": "t", "topic_id": ID, "is_internal": True, "partitions": [{
                **_PART, "leader_id": -1, "leader_epoch": 5, "replica_nodes": [2, 3], "isr_nodes": [],
                "eligible_leader_replicas": [2], "offline_replicas": [3],
            }],
        }]},
    ),
    "ShareGroupDescribeRequest": (
        77,
        _GROUPS,
        {"throttle_time_ms": 1, "groups": [
            {**_DESCRIBED, "members": [{**_NEWER, **_TAKING}], "authorized_operations": 8}
        ]},
    ),
    "StreamsGroupDescribeRequest": (
        89,
        _GROUPS,
        {"throttle_time_ms": 1, "groups": [{
            **_GROUP, **_EPOCHS, "authorized_operations": 8,
            "topology": {"epoch": 3, "subtopologies": [{
                "subtopology_id": "0", "source_topics": ["t"], "repartition_source_topics": [{
                    "name": "r", "partitions": 2, "replication_factor": 1, "topic_configs": [{"key": "k", "value": "v"}],
                }],
            }]},
            "members": [{
                **_NEWER, "instance_id": "i", "assignment": _TASKS, "target_assignment": _TASKS, "process_id": "p",
                "user_endpoint": {"host": "h", "port": 40_000}, "client_tags": [{"key": "k", "value": "v"}],
                "task_offsets": [{"subtopology_id": "0", "partition": 1, "offset": 9}],
            }],
        }]},
    ),
    "DescribeShareGroupOffsetsRequest": (
        90,
        {"groups": [{"group_id": "g", "topics": None}]},
        {"throttle_time_ms": 1, "groups": [{
            "group_id": "g", "error_code": 30, "error_message": "no",
            "topics": [{"topic_name": "t", "topic_id": ID, "partitions": [
                {**_PART, "start_offset": 40, "leader_epoch": 5, "lag": 7, "error_message": "no"}
            ]}],
        }]},
    ),
}  # fmt: skip
"""API key, request and answer by the name of the request; what is left out stays as the protocol has it by default."""

GOLDEN: Mapping[tuple[str, int], tuple[str, str]] = {
    ("ApiVersionsRequest", 0): (
        """0000000c001200000000010200026d71""",
        """0000010200000000000100030001000d""",
    ),
    ("ApiVersionsRequest", 1): (
        """0000000c001200010000010200026d71""",
        """0000010200000000000100030001000d00000001""",
    ),
    ("ApiVersionsRequest", 2): (
        """0000000c001200020000010200026d71""",
        """0000010200000000000100030001000d00000001""",
    ),
    ("ApiVersionsRequest", 3): (
        """00000012001200030000010200026d71000261023100""",
        """0000010200000200030001000d000000000103001702116d657461646174612e76657273696f6e0001001e000108000000000000
    0009021702116d657461646174612e76657273696f6e001d001d00""",
    ),
    ("ApiVersionsRequest", 4): (
        """00000012001200040000010200026d71000261023100""",
        """0000010200000200030001000d000000000103001702116d657461646174612e76657273696f6e0001001e000108000000000000
    0009021702116d657461646174612e76657273696f6e001d001d00""",
    ),
    ("MetadataRequest", 4): (
        """00000014000300040000010200026d710000000100017400""",
        """00000102000000010000000100000001000168000023840001720001630000000100000001000500017401000000010007000000
    03000000010000000200000001000000020000000100000001""",
    ),
    ("MetadataRequest", 10): (
        """000000250003000a0000010200026d7100020000000000000000000000000000000002740000010100""",
        """00000102000000000102000000010268000023840272000263000000010200050274000000000000000000000000000001020102
    0007000000030000000100000005030000000100000002020000000102000000020000000108000000050000""",
    ),
    ("OffsetFetchRequest", 7): (
        """00000012000900070000010200026d71000267000100""",
        """0000010200000000010202740200000003000000000000002800000005026d00070000000700""",
    ),
    ("OffsetFetchRequest", 8): (
        """00000014000900080000010200026d710002026700000100""",
        """0000010200000000010202670202740200000003000000000000002800000005026d0007000000070000""",
    ),
    ("ListOffsetsRequest", 6): (
        """00000029000200060000010200026d7100ffffffff010202740200000003fffffffffffffffffffffffe000000""",
        """000001020000000001020274020000000300070000000000000063000000000000002800000005000000""",
    ),
    ("DescribeGroupsRequest", 5): (
        """00000012000f00050000010200026d71000202670100""",
        """00000102000000000102001e026707537461626c6509636f6e73756d65720672616e676502026d02690263032f68030001020200
    000001080000""",
    ),
    ("SaslHandshakeRequest", 1): (
        """00000013001100010000010200026d710005504c41494e""",
        """000001020021000000020005504c41494e000d534352414d2d5348412d323536""",
    ),
}  # fmt: skip
"""Request and answer of each example, in this version, as they go over the network: a request with its size, an answer without."""
