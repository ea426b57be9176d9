"""The debiased Sinkhorn loss with its gradient in PyTorch, in the log domain, as rows of bench/row.

    2 W(x,y) - W(x,x) - W(y,y),  W = <P,C> after L alternating steps from g = 0, uniform weights, cost |x_i - y_j|^2

and the gradient in x by reverse differentiation of the L steps. It is the shape of the row "loss" of bench/limits: batch 200, d = 784,
eps = 1, points uniform on [0,1]^d. Costs come from one product of matrices, each half-step is torch.logsumexp over a matrix: what a user
of PyTorch writes.

    python -m venv peers && peers/bin/pip install -r bench/peers/requirements.txt
    peers/bin/python bench/peers/torch_loss.py > torch.json
"""

import argparse
import datetime
import json
import math
import os
import platform
import statistics
import time

import torch

BATCH, DIM, EPS = 200, 784, 1.0


def squared_distances(x, y):
    return (x * x).sum(1)[:, None] + (y * y).sum(1)[None, :] - 2 * (x @ y.T)


def transport(x, y, steps):
    """W(x,y) after exactly steps iterations."""
    c = squared_distances(x, y) / EPS
    log_a, log_b = -math.log(len(x)), -math.log(len(y))
    g = torch.zeros(len(y), dtype=x.dtype)
    for _ in range(steps):
        f = -torch.logsumexp(g[None, :] - c + log_b, dim=1)
        g = -torch.logsumexp(f[:, None] - c + log_a, dim=0)
    plan = torch.exp(f[:, None] + g[None, :] - c + (log_a + log_b))
    return EPS * (plan * c).sum()


def loss_and_gradient(x, y, steps):
    x.grad = None
    loss = 2 * transport(x, y, steps) - transport(x, x, steps) - transport(y, y, steps)
    loss.backward()
    return loss.item()


def check(steps):
    """Holds the loss in float32 to float64 before the clock starts."""
    x, y = torch.rand(BATCH, DIM), torch.rand(BATCH, DIM)
    narrow = loss_and_gradient(x.clone().requires_grad_(), y, steps)
    wide = loss_and_gradient(x.double().requires_grad_(), y.double(), steps)
    scale = squared_distances(x, y).mean().item()
    if not abs(narrow - wide) <= 4 * 2e-5 * scale:  # the library's tolerance, of a sum of four values
        raise SystemExit(f"the loss is {narrow} in float32 and {wide} in float64")


def samples(run, budget, least=11, most=101, bound=0.005):
    """Times run until the median absolute deviation is at most bound times the median, or the time is up; as bench/row does."""
    for _ in range(3):
        run()
    times, began = [], time.perf_counter()
    while True:
        t = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - t))
        median = statistics.median(times)
        mad = statistics.median(abs(v - median) for v in times)
        agree = len(times) >= least and mad <= bound * median
        if agree or len(times) >= most or (len(times) >= 3 and time.perf_counter() - began > budget):
            return times, median, mad, not agree


def measure(steps, threads, budget):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    x, y = torch.rand(BATCH, DIM, requires_grad=True), torch.rand(BATCH, DIM)
    times, median, mad, unstable = samples(lambda: loss_and_gradient(x, y, steps), budget)
    params = {"peer": "torch", "batch": BATCH, "d": DIM, "L": steps, "precision": "f32", "threads": threads}
    return {
        "name": "loss", "params": [{"key": k, "value": str(v)} for k, v in params.items()], "value": median, "unit": "ms", "lower": True,
        "mad": mad, "min": min(times), "max": max(times), "samples": times, "unstable": unstable,
        "note": f"torch {torch.__version__}, log domain, autograd",
    }


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="ascii") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    p.add_argument("--budget", type=float, default=10, help="seconds for a row")
    args = p.parse_args()
    check(10)
    machine = {"cpu": cpu_name(), "cores": os.cpu_count(), "gomaxprocs": 0, "tier": torch.backends.cpu.get_cpu_capability(), "tiers": "",
               "os": f"{platform.system()}/{platform.machine()}".lower(), "go": "", "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}
    rows = [measure(steps, threads, args.budget) for steps in (100, 10) for threads in dict.fromkeys(args.threads)]
    print(json.dumps({"schema": 1, "program": "bench/peers/torch_loss.py", "machine": machine, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
