"""A step of networks, forward, backward and Adam, in PyTorch: the rows "network" of bench/limits; see peers.py.

    python bench/peers/torch_nn.py MODEL BATCH THREADS

measures one of them in a process of its own, whose peak of memory is then that of the model.
"""

import os
import resource
import sys

import torch
from torch import nn

import peers
import rows


def bn(c):
    return [nn.BatchNorm2d(c), nn.ReLU(inplace=True)]


def generator(noise, side, *c):
    layers = [nn.Unflatten(1, (noise, 1, 1)), nn.ConvTranspose2d(noise, c[0], side, bias=False)]
    for i in range(len(c) - 1):
        layers += bn(c[i]) + [nn.ConvTranspose2d(c[i], c[i + 1], 4, 2, 1, bias=i + 2 == len(c))]
    return nn.Sequential(*layers, nn.Sigmoid())


def discriminator(channels, *c):
    layers, last = [], channels
    for i, k in enumerate(c):
        layers += [nn.Conv2d(last, k, 4, 2, 1, bias=i == 0)] + ([nn.BatchNorm2d(k)] if i else []) + [nn.LeakyReLU(0.2, inplace=True)]
        last = k
    return nn.Sequential(*layers, nn.Conv2d(last, 1, 4), nn.Flatten())


MODELS = {
    "mlp-generator-28": ((2,), lambda: nn.Sequential(nn.Linear(2, 500), nn.Softplus(), nn.Linear(500, 500), nn.Softplus(), nn.Linear(500, 784), nn.Sigmoid())),
    "dcgan-generator-28": ((100,), lambda: generator(100, 7, 128, 64, 1)),
    "dcgan-generator-32": ((100,), lambda: generator(100, 4, 256, 128, 64, 3)),
    "dcgan-discriminator-32": ((3, 32, 32), lambda: discriminator(3, 64, 128, 256)),
    "classifier-28": ((1, 28, 28), lambda: nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.ReLU(inplace=True), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.ReLU(inplace=True),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(500, 10))),
}

ROWS = [("mlp-generator-28", 200), ("dcgan-generator-28", 64), ("dcgan-generator-28", 200),
        ("dcgan-generator-32", 64), ("dcgan-discriminator-32", 64), ("classifier-28", 100)]


def measure(model, batch, threads, budget):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    shape, make = MODELS[model]
    net = make()
    opt = torch.optim.Adam(net.parameters(), 1e-4)
    x = torch.rand(batch, *shape)
    dy = torch.randn_like(net(x))

    def step():
        opt.zero_grad(set_to_none=True)
        net(x).backward(dy)
        opt.step()

    s = rows.samples(step, budget)
    params = {"peer": "torch", "model": model, "batch": batch, "precision": "f32", "threads": threads}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return rows.duration("network", params, s, f"torch {torch.__version__}, forward, backward, Adam; process so far at most {peak:.0f} MiB")


if __name__ == "__main__":
    if any(os.environ.get(k) != v for k, v in peers.SETTINGS.items()):  # libraries read them when they are loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | peers.SETTINGS)
    r = measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), 1)
    print(f"{r['value']:.2f} ms, from {r['min']:.2f} to {r['max']:.2f}; {r['note']}")
