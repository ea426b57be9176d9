"""The debiased Sinkhorn loss with its gradient in PyTorch, in the log domain, as rows of bench/row.

    2 W(x,y) - W(x,x) - W(y,y),  W = <P,C> after L alternating steps from g = 0, uniform weights, cost |x_i - y_j|^2

and the gradient in x by reverse differentiation of the L steps. It is the shape of the row "loss" of bench/limits: batch 200, d = 784,
eps = 1, points uniform on [0,1]^d. Costs come from one product of matrices, each half-step is torch.logsumexp over a matrix: what a user
of PyTorch writes.

    peers/bin/python bench/peers/peers.py --only loss > loss.json
"""

import math

import torch

import rows

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


def measure(steps, threads, budget):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    x, y = torch.rand(BATCH, DIM, requires_grad=True), torch.rand(BATCH, DIM)
    s = rows.samples(lambda: loss_and_gradient(x, y, steps), budget)
    params = {"peer": "torch", "batch": BATCH, "d": DIM, "L": steps, "precision": "f32", "threads": threads}
    return rows.duration("loss", params, s, f"torch {torch.__version__}, log domain, autograd")
