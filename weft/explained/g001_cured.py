"""The stream that uses the batch waits for the one that copies it.

Run: weft check g001_cured.py --gpu virtual
"""

import torch


def main() -> None:
    weights = torch.randn(64, 64, device="cuda")
    copies = torch.cuda.Stream()
    batch = torch.randn(32, 64).pin_memory()
    with torch.cuda.stream(copies):
        inputs = batch.to("cuda", non_blocking=True)
    torch.cuda.current_stream().wait_stream(copies)
    outputs = inputs @ weights
    inputs.record_stream(torch.cuda.current_stream())
    print(outputs.sum().item())


if __name__ == "__main__":
    main()
