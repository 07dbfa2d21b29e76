"""A side stream still reads a tensor whose memory is given away.

Run: weft check g002.py --gpu virtual
"""

import torch


def main() -> None:
    side = torch.cuda.Stream()
    scores = torch.randn(1024, device="cuda")
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        best = scores.max()
    del scores
    mask = torch.zeros(1024, device="cuda")
    torch.cuda.current_stream().wait_stream(side)
    print(best.item(), mask.sum().item())


if __name__ == "__main__":
    main()
