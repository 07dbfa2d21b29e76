# expect: clean
# needs: collectives
# pyright: basic, reportPrivateImportUsage=false
"""``work.wait()`` lets the current stream wait for the collective, and the host's blocking read comes after that."""

import torch
import torch.distributed as dist

dist.init_process_group("nccl", store=dist.HashStore(), rank=0, world_size=1)
gradient = torch.randn(4096, device="cuda")
work = dist.all_reduce(gradient, async_op=True)
assert work is not None
work.wait()
gradient.div_(dist.get_world_size())
print(gradient.norm().item())
dist.destroy_process_group()
