"""Records, as far as bytes allow: whole batches, the last one cut, and one at least (KIP-74)."""

from typing import Any

from kafka.protocol.consumer import FetchResponse

from agent.demo.cluster.handlers.call import NONE, OFFSET_OUT_OF_RANGE, TOPIC_AUTHORIZATION_FAILED, Call
from agent.demo.cluster.handlers.offsets import led_here
from agent.demo.cluster.model import READ
from agent.demo.cluster.writing import written

_PARTITION = FetchResponse.FetchableTopicResponse.PartitionData


def fetch(call: Call, request: Any) -> Any:
    """Answers at once, also where there is nothing: no session is kept, and nobody waits."""
    left = request.max_bytes
    topics = []
    for asked in request.topics:
        rows = []
        for row in asked.partitions:
            first = left == request.max_bytes
            told = _told(call, asked.topic, row, left, committed=request.isolation_level == 1, first=first)
            left -= len(told.records)
            rows.append(told)
        topics.append(FetchResponse.FetchableTopicResponse(topic=asked.topic, partitions=rows))
    return FetchResponse(error_code=call.errors.everything, session_id=0, responses=topics)


def _told(call: Call, topic: str, row: Any, left: int, *, committed: bool, first: bool) -> Any:
    error, partition = led_here(call, topic, row.partition, row.current_leader_epoch)
    if not error and READ not in call.rights.on_topic(topic):
        error = TOPIC_AUTHORIZATION_FAILED
    if error or partition is None:
        return _row(row.partition, error, -1, -1, -1, b"")
    start, end = partition.log_start, partition.log_end
    stable = end if partition.last_stable is None else partition.last_stable
    if not start <= row.fetch_offset <= end:
        return _row(row.partition, OFFSET_OUT_OF_RANGE, end, stable, start, b"")
    size = min(row.partition_max_bytes, max(0, left))
    writing = call.model.topics[topic].writing
    found = bytearray()
    for batch in written(writing, row.partition, partition.points, row.fetch_offset, stable if committed else end):
        if len(found) >= size:
            break
        found += batch
    if len(found) > size:
        whole = int.from_bytes(found[8:12], "big") + 12
        del found[max(size, whole if first else 0) :]
    return _row(row.partition, NONE, end, stable, start, bytes(found))


def _row(index: int, error: int, end: int, stable: int, start: int, records: bytes) -> Any:
    return _PARTITION(
        partition_index=index,
        error_code=error,
        high_watermark=end,
        last_stable_offset=stable,
        log_start_offset=start,
        aborted_transactions=[],
        preferred_read_replica=-1,
        records=records,
    )
