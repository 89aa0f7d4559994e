#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares prunus's masks with PyTorch's on the same weights, over the shapes of ResNet-50.

    python3 benchmarks/peer_masks.py build/bench/benchmarks/peer_masks

Magnitude: torch.nn.utils.prune (l1_unstructured, global_unstructured, ln_structured). Geometric
median (He et al. 2019): the filters with the smallest sums of torch.cdist go. A weight whose fate
differs is counted as a tie when the scores on both sides of the cut are equal, or nearer than the
rounding of a sum in float; every other difference makes the exit status 1.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
from torch.nn.utils import prune


def shapes():
    yield "conv1", (64, 3, 7, 7)
    width_in = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            name = f"layer{stage + 1}.{block}."
            yield name + "conv1", (width, width_in, 1, 1)
            yield name + "conv2", (width, width, 3, 3)
            yield name + "conv3", (4 * width, width, 1, 1)
            if block == 0:
                yield name + "downsample", (4 * width, width_in, 1, 1)
            width_in = 4 * width
    yield "fc", (1000, 2048, 1, 1)


class holder(torch.nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = torch.nn.Parameter(weight.clone())


def masks_of(modules):
    return {name: module.weight_mask.numpy().astype(bool) for name, module in modules.items()}


def torch_masks(weights, setting):
    modules = {name: holder(w) for name, w in weights.items()}
    if setting.startswith(("l1_element_global", "l2_element_global")):
        prune.global_unstructured(
            [(m, "weight") for m in modules.values()], prune.L1Unstructured, amount=0.9)
        return masks_of(modules)
    for name, module in modules.items():
        if setting == "l1_element_uniform_50":
            prune.l1_unstructured(module, "weight", amount=0.5)
        elif setting.startswith(("l1_filter", "l2_filter")):
            prune.ln_structured(module, "weight", amount=0.5, n=int(setting[1]), dim=0)
        else:
            rows = weights[name].reshape(weights[name].shape[0], -1)
            sums = torch.cdist(rows, rows).sum(1)
            keep = torch.ones(len(rows), dtype=torch.bool)
            keep[torch.topk(sums, round(0.5 * len(rows)), largest=False).indices] = False
            prune.custom_from_mask(
                module, "weight", keep[:, None, None, None].expand_as(module.weight).float())
    return masks_of(modules)


def score(weight, setting):
    """The score of every weight, in double: that of its filter where filters are pruned."""
    w = weight.double().numpy()
    if "element" in setting:
        return numpy.abs(w)
    rows = w.reshape(len(w), -1)
    if setting.startswith("l1"):
        of_filter = numpy.abs(rows).sum(1)
    elif setting.startswith("l2"):
        of_filter = numpy.sqrt((rows**2).sum(1))
    else:
        r = torch.from_numpy(rows)
        of_filter = torch.cdist(r, r).sum(1).numpy()
    return numpy.broadcast_to(of_filter[:, None, None, None], w.shape)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.manual_seed(1)
    weights = {name: torch.randn(shape) for name, shape in shapes()}
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lines = []
        for name, w in weights.items():
            w.numpy().tofile(folder / f"{name}.f32")
            lines.append(" ".join([name, *map(str, w.shape)]))
        (folder / "weights.txt").write_text("\n".join(lines) + "\n")
        subprocess.run([sys.argv[1], str(folder)], check=True)
        for setting in sorted(p.name for p in folder.iterdir() if p.is_dir()):
            theirs = torch_masks(weights, setting)
            total = differing = ties = 0
            for name, w in weights.items():
                ours = numpy.fromfile(folder / setting / f"{name}.u8", dtype=numpy.uint8)
                ours = ours.reshape(w.shape).astype(bool)
                total += ours.size
                wrong = ours != theirs[name]
                if not wrong.any():
                    continue
                differing += int(wrong.sum())
                values = score(w, setting)[wrong]
                spread = (values.max() - values.min()) / values.max()
                if spread <= (0 if "element" in setting else 1e-5):
                    ties += int(wrong.sum())
            failed = failed or differing != ties
            print(f"{setting}: {differing} of {total} weights differ, {ties} of them tied")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
