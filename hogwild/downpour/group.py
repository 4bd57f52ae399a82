"""The shards of a run as its parent sees them: started together, closed together."""

from typing import Any

from hogwild.downpour.listening import start_server
from hogwild.downpour.shard import Shard
from hogwild.engine.server_process import PrivateFolder


class ShardGroup:
    def __init__(self, states, *, context, key=None, host=None, checkpoint_seconds=1.0):
        self.folder = None if host else PrivateFolder()
        self.servers = []
        for k, state in enumerate(states):
            address = (host, 0) if host else self.folder.socket(f"s{k}")
            self.servers.append(
                start_server(
                    Shard.from_state,
                    (state,),
                    context=context,
                    address=address,
                    key=key,
                    name=f"hogwild shard {k}",
                )
            )
            key = self.servers[0].key
        self.key = key
        self._proxies = [each.connect() for each in self.servers]

    @property
    def addresses(self):
        return tuple(each.address for each in self.servers)

    def connect(self) -> list[Any]:
        return self._proxies

    def set_step(self, step):
        for each in self._proxies:
            each.set_step(step)

    def check(self):
        for each in self.servers:
            each.check()
        return []

    def close(self):
        for each in self.servers:
            each.close()
        if self.folder:
            self.folder.close()
