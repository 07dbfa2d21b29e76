# expect: G001
# needs: collectives
# pyright: basic, reportPrivateImportUsage=false
"""``work.wait()`` lets the stream wait and not the host, which reads pinned memory too early."""

import torch
import torch.distributed as dist

dist.init_process_group("nccl", store=dist.HashStore(), rank=0, world_size=1)
gradient = torch.randn(4096, device="cuda")
host = torch.empty(4096, pin_memory=True)
work = dist.all_reduce(gradient, async_op=True)
assert work is not None
work.wait()
host.copy_(gradient, non_blocking=True)
print(host.norm().item())
dist.destroy_process_group()
