"""Sinkhorn iterations and DCGAN steps on a CUDA device in PyTorch and FlashSinkhorn, as rows of bench/row; bench/cuda.sh runs it.

    python3 bench/peers/cuda_peers.py --out peers.json        again: the rows that the file does not have

The problem is that of cuda/bench: normal points in d dimensions scaled to a mean cost |x-y|^2 of 1, uniform weights, L alternating
iterations from 0; the gradient is that of the value by the points at the potentials that were found, without a step back through iterations. torch-dense is the
loop that a user of PyTorch writes, log-sum-exp over a stored matrix in float32. FlashSinkhorn runs where it can be imported. Rows are in the file as soon
as they are measured. Exit status: 0 done, 1 a row has no value, 2 bad flags, 130 interrupted or told to end.
"""

import argparse
import math
import signal
import sys

import torch

import rows

try:
    import flash_sinkhorn
except ImportError:
    flash_sinkhorn = None


def clouds(n, d, device):
    rng = torch.Generator().manual_seed(n)
    return [(torch.randn(n, d, generator=rng) / math.sqrt(2 * d)).to(device) for _ in range(2)]


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def cost(x, y):
    """One product of matrices; torch.backends.cuda.matmul.allow_tf32 is off."""
    c = torch.addmm((x * x).sum(1)[:, None] + (y * y).sum(1)[None, :], x, y.T, alpha=-2)
    return c.clamp_(min=0)


def dense(c, eps, steps):
    n, m = c.shape
    g = c.new_zeros(m)
    for _ in range(steps):
        f = -eps * torch.logsumexp((g[None, :] - c) / eps - math.log(m), dim=1)
        g = -eps * torch.logsumexp((f[:, None] - c) / eps - math.log(n), dim=0)
    return f, g


def dense_gradient(x, y, c, f, g, eps):
    p = torch.exp((f[:, None] + g[None, :] - c) / eps) / (len(x) * len(y))
    return 2 * (p.sum(1)[:, None] * x - p @ y)


def check(x, y, f, g, eps):
    """The largest error of sixteen updates of g, against float64."""
    worst = 0.0
    for j in range(0, len(y), max(1, len(y) // 16)):
        c = ((x.double() - y[j].double()) ** 2).sum(1)
        want = -eps * torch.logsumexp((f.double() - c) / eps - math.log(len(x)), dim=0)
        worst = max(worst, abs(want.item() - g[j].item()))
    return worst


def allow_tf32(on):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = on


class Bench:
    def __init__(self, o):
        self.o, self.device, self.plan = o, torch.device(o.device), []
        if "solver" in o.parts:
            for n in o.sizes:
                self.solver(n)
        if "network" in o.parts:
            self.networks()

    def add(self, name, params, note, make):
        """Plans a row; make returns what is timed and a remark."""
        self.plan.append((name, params, note, make))

    def run(self):
        """Makes the rows that the file does not have, and returns whether all of them have a value. An error becomes the row's."""
        keys = [rows.key(name, params) for name, params, _, _ in self.plan]
        self.file = rows.File(self.o.out, "bench/peers/cuda_peers.py", keys, self.o.retry)
        for (name, params, note, make), key in zip(self.plan, keys):
            if key not in self.file.missing:
                continue
            try:
                run, remark = make()
                s = rows.samples(lambda: (run(), wait(self.device)), self.o.budget, least=5, bound=0.01)
                r = rows.duration(name, params, s, note + remark)
                print(f"{key}: {r['value']:.3g} ms {remark}", file=sys.stderr, flush=True)
            except Exception as e:  # a peer that fails is a row that says so
                r = rows.failed(name, params, f"{type(e).__name__}: {e}".splitlines()[0][:200])
                print(f"{key}: {r['error']}", file=sys.stderr, flush=True)
            run = None
            self.file.add(r)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        return not any(r.get("error") for r in self.file.found)

    def solver(self, n):
        held = {}  # of this size, made by its first row and given up by its last

        def clouds_of():
            if "x" not in held:
                held["x"], held["y"] = clouds(n, self.o.d, self.device)
            return held["x"], held["y"]

        self.torch_dense(n, clouds_of, held)
        if flash_sinkhorn is not None:
            for tf32 in (True, False):
                self.flash(n, clouds_of, tf32)
        name, params, note, make = self.plan[-1]
        self.plan[-1] = (name, params, note, lambda: (make(), held.clear())[0])

    def params(self, peer, n, precision, count=0):
        p = {"peer": peer, "n": n, "d": self.o.d, "precision": precision}
        return p | ({"iterations": count} if count else {})

    def torch_dense(self, n, clouds_of, held):
        eps, note = self.o.eps, f"torch {torch.__version__}, stored matrix; "

        def forward(count):
            x, y = clouds_of()
            if "c" not in held:
                held["c"] = cost(x, y)
            c = held["c"]
            f, g = held["f"], held["g"] = dense(c, eps, count)
            return lambda: dense(c, eps, count), f"potentials off by {check(x, y, f, g, eps):.1g}"

        def backward():
            if "f" not in held:
                forward(min(self.o.iterations))
            x, y = clouds_of()
            c, f, g = held["c"], held["f"], held["g"]
            return lambda: dense_gradient(x, y, c, f, g, eps), ""

        for count in self.o.iterations:
            self.add("sinkhorn", self.params("torch-dense", n, "f32", count), note, lambda count=count: forward(count))
        self.add("gradient", self.params("torch-dense", n, "f32"), note, backward)

    def flash(self, n, clouds_of, tf32):
        from flash_sinkhorn import SamplesLoss
        from flash_sinkhorn.kernels import sinkhorn_flashstyle_alternating

        eps, precision = self.o.eps, "TF32" if tf32 else "f32"
        note = f"flash_sinkhorn {getattr(flash_sinkhorn, '__version__', '')}; "

        def forward(count):
            x, y = clouds_of()
            w = torch.full((n,), 1 / n, device=self.device)

            def run():
                return sinkhorn_flashstyle_alternating(x, y, w, w, eps=eps, n_iters=count, cost_scale=1.0, allow_tf32=tf32, threshold=None)
            f, g = run()[:2]
            return run, f"potentials off by {check(x, y, f, g, eps):.1g}"

        def backward():
            x, y = clouds_of()
            moving = x.detach().requires_grad_()
            value = SamplesLoss(backend="alternating", use_epsilon_scaling=False, eps=eps, n_iters=10, allow_tf32=tf32)(moving, y)
            return lambda: torch.autograd.grad(value, moving, retain_graph=True), ""

        for count in self.o.iterations:
            self.add("sinkhorn", self.params("flash-sinkhorn", n, precision, count), note, lambda count=count: forward(count))
        self.add("gradient", self.params("flash-sinkhorn", n, precision), note, backward)

    def networks(self):
        import torch_nn

        for batch in (200, 1000):
            self.add("training", {"peer": "torch", "model": "dcgan-generator-28", "batch": batch, "precision": "f32"},
                     f"torch {torch.__version__}, a whole step: noise, forward, Sinkhorn loss of 10 iterations by autograd, backward, Adam",
                     lambda batch=batch: self.training(torch_nn.MODELS["dcgan-generator-28"], batch))
        self.add("training", {"peer": "torch", "model": "dcgan-wgan-gp-28", "batch": 200, "precision": "f32"},
                 f"torch {torch.__version__}, a step of the critic with its gradient penalty by a second backward pass, and one of the generator",
                 lambda: self.wgan_gp(torch_nn.MODELS["dcgan-generator-28"], 200))
        for model, batch in [("dcgan-generator-28", 200), ("dcgan-generator-32", 64), ("dcgan-discriminator-32", 64)]:
            for tf32 in (False, True):
                self.add("network", {"peer": "torch", "model": model, "batch": batch, "precision": "TF32" if tf32 else "f32"},
                         f"torch {torch.__version__}, forward, backward, Adam",
                         lambda model=model, batch=batch, tf32=tf32: self.network(torch_nn.MODELS[model], batch, tf32))

    def training(self, model, batch, eps=1.0, steps=10):
        shape, make = model
        allow_tf32(False)
        torch.manual_seed(1)
        net = make().to(self.device)
        opt = torch.optim.Adam(net.parameters(), 1e-4)
        data = torch.rand(batch, 28 * 28)

        def w(x, y):
            c = ((x * x).sum(1)[:, None] + (y * y).sum(1)[None, :] - 2 * x @ y.T).clamp(min=0)
            f, g = dense(c, eps, steps)
            return (torch.exp((f[:, None] + g[None, :] - c) / eps) * c).sum() / (len(x) * len(y))

        def step():
            y = data.to(self.device)
            opt.zero_grad(set_to_none=True)
            x = net(torch.randn(batch, *shape, device=self.device)).flatten(1)
            (2 * w(x, y) - w(x, x)).backward()
            opt.step()

        return step, ""

    def wgan_gp(self, model, batch, weight=10):
        shape, make = model
        allow_tf32(False)
        torch.manual_seed(1)
        net, nn = make().to(self.device), torch.nn
        critic = nn.Sequential(nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(64, 128, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(),
                               nn.Linear(128 * 7 * 7, 1)).to(self.device)
        opts = [torch.optim.Adam(m.parameters(), 1e-4, betas=(0.0, 0.9)) for m in (critic, net)]
        data = torch.rand(batch, 1, 28, 28)

        def generate():
            return net(torch.randn(batch, *shape, device=self.device))

        def step():
            y = data.to(self.device)
            with torch.no_grad():
                x = generate()
            t = torch.rand(batch, 1, 1, 1, device=self.device)
            p = (t * x + (1 - t) * y).requires_grad_()
            slope, = torch.autograd.grad(critic(p).sum(), p, create_graph=True)
            opts[0].zero_grad(set_to_none=True)
            (critic(x).mean() - critic(y).mean() + weight * ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()).backward()
            opts[0].step()
            opts[1].zero_grad(set_to_none=True)
            (-critic(generate()).mean()).backward()
            opts[1].step()

        return step, ""

    def network(self, model, batch, tf32):
        shape, make = model
        allow_tf32(tf32)
        torch.manual_seed(1)
        net = make().to(self.device)
        opt = torch.optim.Adam(net.parameters(), 1e-4)
        x = torch.randn(batch, *shape, device=self.device)
        dy = torch.randn_like(net(x))

        def step():
            opt.zero_grad(set_to_none=True)
            net(x).backward(dy)
            opt.step()

        return step, ""


def main():
    numbers = lambda text: [int(v) for v in text.split(",")]
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--sizes", type=numbers, default=[10000, 20000, 50000])
    p.add_argument("--iterations", type=numbers, default=[10, 100])
    p.add_argument("--d", type=int, default=64)
    p.add_argument("--eps", type=float, default=0.1)
    p.add_argument("--budget", type=float, default=2, help="seconds a row")
    p.add_argument("--parts", default="solver,network")
    p.add_argument("--device", default="cuda")
    p.add_argument("--out", required=True, help="the file of rows; those that it has are not made again")
    p.add_argument("--retry", action="store_true", help="make those of its rows again that have no value")
    o = p.parse_args()
    allow_tf32(False)
    b = Bench(o)
    if b.device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("cuda_peers.py: PyTorch sees no CUDA device; nvidia-smi and CUDA_VISIBLE_DEVICES say why")
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # of timeout
    try:
        whole = b.run()
    except KeyboardInterrupt:
        print(f"ended early: {len(b.file.found)} rows are in {o.out}, {len(b.file.missing)} are missing", file=sys.stderr)
        sys.exit(130)
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main()
