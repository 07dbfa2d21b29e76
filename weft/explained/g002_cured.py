"""The allocator is told that the side stream uses the tensor, too, and waits for it.

Run: weft check g002_cured.py --gpu virtual
"""

import torch


def main() -> None:
    side = torch.cuda.Stream()
    scores = torch.randn(1024, device="cuda")
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        best = scores.max()
    scores.record_stream(side)
    del scores
    mask = torch.zeros(1024, device="cuda")
    torch.cuda.current_stream().wait_stream(side)
    print(best.item(), mask.sum().item())


if __name__ == "__main__":
    main()
