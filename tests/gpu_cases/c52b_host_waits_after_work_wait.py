# expect: clean
# needs: collectives
# pyright: basic, reportPrivateImportUsage=false
"""The host waits for the stream, which waits for the collective."""

import torch
import torch.distributed as dist

dist.init_process_group("nccl", store=dist.HashStore(), rank=0, world_size=1)
gradient = torch.randn(4096, device="cuda")
host = torch.empty(4096, pin_memory=True)
work = dist.all_reduce(gradient, async_op=True)
assert work is not None
work.wait()
host.copy_(gradient, non_blocking=True)
torch.cuda.current_stream().synchronize()
print(host.norm().item())
dist.destroy_process_group()
