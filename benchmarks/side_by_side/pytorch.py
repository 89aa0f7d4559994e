# SPDX-License-Identifier: MIT
"""What PyTorch and scipy take for the work that side_by_side does, as the same lines of JSON.

usage: pytorch.py RESULTS [ROUNDS]

One thread for everything but the training steps, which get two. OpenBLAS 0.3.21 falls back to SSE3
on processors that it does not know, so it is told to use its AVX-512 kernels where there are any.
"""
import json
import os
import statistics
import subprocess
import sys
import time

if "PRUNUS_THREADS" not in os.environ:  # a process for each number: OpenBLAS takes it at the start
    for threads in ("1", "2"):
        done = subprocess.run([sys.executable, *sys.argv],
                              env={**os.environ, "PRUNUS_THREADS": threads,
                                   "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads})
        if done.returncode != 0:
            sys.exit(done.returncode)
    sys.exit()

process_threads = int(os.environ["PRUNUS_THREADS"])
results, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
if "avx512f" in open("/proc/cpuinfo").read():
    os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    import torch.nn.utils.prune as prune
    import torchvision
except ImportError as missing:
    sys.exit(f"{missing}: PyTorch is left out (Debian: apt-get install python3-torch python3-torchvision)")


def multiplies_fast():
    """Whether matrix products run at the speed of a tuned BLAS, and not of the reference one."""
    a = torch.rand(512, 512)
    fastest = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        a.mm(a)
        fastest = min(fastest, time.perf_counter() - begin)
    return 2 * 512**3 / fastest > 20e9


if not multiplies_fast():
    sys.exit("PyTorch multiplies matrices by a slow BLAS here, which would flatter us: it is left out (Debian: "
             "apt-get install libopenblas0-pthread)")


def measure(work, candidate, run, threads=1, prepare=lambda: None):
    if threads != process_threads:
        return
    torch.set_num_threads(threads)
    taken = []
    for _ in range(rounds + 2):
        argument = prepare()
        begin = time.perf_counter()
        run(argument)
        taken.append(1e3 * (time.perf_counter() - begin))
    with open(results, "a") as out:
        out.write(json.dumps({"work": work, "candidate": candidate, "threads": threads,
                              "milliseconds": taken[2:]}) + "\n")
    print(f"{work}: {candidate} {statistics.median(taken[2:]):.1f} ms", file=sys.stderr)


def weighted(net):
    return [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]


def resnet50():
    return torchvision.models.resnet50(weights=None)


def by_hand(tensors):
    flat = torch.cat([w.abs().flatten() for w in tensors])
    limit = torch.kthvalue(flat, int(0.9 * flat.numel())).values
    for w in tensors:
        w.mul_((w.abs() > limit).float())


resnet = resnet50()
tensors = [m.weight.data for m in weighted(resnet)]
work = "global magnitude, ResNet-50, 90 %"
measure(work, "PyTorch by hand", by_hand, prepare=lambda: [w.clone() for w in tensors])
measure(work, "PyTorch global_unstructured",
        lambda net: prune.global_unstructured([(m, "weight") for m in weighted(net)],
                                              pruning_method=prune.L1Unstructured, amount=0.9),
        prepare=resnet50)
for p in (1, 2):
    measure(f"filter norms L{p}, ResNet-50", "PyTorch",
            lambda _: [w.flatten(1).norm(p=p, dim=1) for w in tensors])

for name, net in (("ResNet-50", resnet), ("VGG-16", torchvision.models.vgg16(weights=None))):
    filters = [m.weight.data.flatten(1) for m in net.modules() if isinstance(m, nn.Conv2d)]
    work = f"geometric median, {name} convolutions"
    measure(work, "PyTorch cdist", lambda _: [torch.cdist(w, w).sum(0) for w in filters])
    if name == "VGG-16":
        try:
            from scipy.spatial import distance
            measure(work, "scipy cdist",
                    lambda _: [distance.cdist(w.numpy(), w.numpy()).sum(0) for w in filters])
        except ImportError:
            print("scipy is not installed and left out", file=sys.stderr)


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(after), nn.BatchNorm2d(after)])
        self.stride, self.added = stride, (after - before) // 2

    def forward(self, x):
        y = self.norms[1](self.second(F.relu(self.norms[0](self.first(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.added, self.added))
        return F.relu(x + y)


def resnet20():
    layers, before = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for stage, width in enumerate((16, 32, 64)):
        for block in range(3):
            layers.append(Block(before, width, 2 if stage > 0 and block == 0 else 1))
            before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84),
        nn.ReLU(), nn.Linear(84, 10))


def two_layers():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10))


def infer(net):
    with torch.no_grad():
        net(image)


image = torch.randn(1, 3, 32, 32)
small = resnet20().eval()
measure("ResNet-20, 8x1 blocks, 80 %, batch 1", "PyTorch dense",
        lambda _: infer(small))

for name, make, shape in (("LeNet-5", lenet, (1, 28, 28)), ("two-layer CNN", two_layers, (1, 28, 28)),
                          ("ResNet-20", resnet20, (3, 32, 32))):
    for layout in ("", " channels-last"):
        net, x, y = make().train(), torch.randn(128, *shape), torch.randint(0, 10, (128,))
        if layout:
            net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)

        def step(_):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(net(x), y).backward()
            optimizer.step()

        measure(f"training step, {name}, batch 128", "PyTorch" + layout, step, threads=2)
