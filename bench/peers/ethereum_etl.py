"""
ethereum-etl's own streaming adapter over a range of blocks: blocks with transactions, receipts, logs and decoded token
transfers, as JSON lines into a file. Arguments: URL, number of blocks, output file, blocks in one span: it joins by
transaction hash, so no transaction may come twice in a span. Says what it took as one JSON line.
"""
import inspect
import json
import logging
import resource
import sys
import time

# parsimonious 0.8, which its web3 is pinned to, asks for a function that Python 3.11 has no more.
if not hasattr(inspect, 'getargspec'):
    inspect.getargspec = inspect.getfullargspec

from ethereumetl.enumeration.entity_type import EntityType
from ethereumetl.providers.auto import get_provider_from_uri
from ethereumetl.streaming.eth_streamer_adapter import EthStreamerAdapter
from ethereumetl.thread_local_proxy import ThreadLocalProxy

logging.disable(logging.CRITICAL)
url, blocks, path, span = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])


class Lines:
    counts = {}

    def __init__(self, file):
        self.file = file

    def open(self):
        pass

    def export_items(self, items):
        for item in items:
            self.counts[item['type']] = self.counts.get(item['type'], 0) + 1
            self.file.write(json.dumps(item) + '\n')

    def close(self):
        pass


began = time.time()
with open(path, 'w') as file:
    lines = Lines(file)
    adapter = EthStreamerAdapter(
        batch_web3_provider=ThreadLocalProxy(lambda: get_provider_from_uri(url, batch=True)),
        item_exporter=lines,
        batch_size=100,
        max_workers=5,
        entity_types=[EntityType.BLOCK, EntityType.TRANSACTION, EntityType.LOG, EntityType.TOKEN_TRANSFER],
    )
    for first in range(0, blocks, span):
        adapter.export_all(first, min(first + span - 1, blocks - 1))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    'blocks': lines.counts.get('block', 0),
    'events': lines.counts.get('log', 0),
    'transfers': lines.counts.get('token_transfer', 0),
    'seconds': round(time.time() - began, 3),
    'cpuSeconds': round(used.ru_utime + used.ru_stime, 3),
    'peakRssMiB': round(used.ru_maxrss / 1024),
}))
