"""A full Sinkhorn iteration, and the time to an L1 marginal error, in other libraries, as rows of bench/row beside those of bench/solver.

The clouds are those of bench/solver: x_ik = frac((i+1) sqrt p_k), y_ik = .3 + 1.2 frac((i+1) sqrt q_k), uniform weights, cost |x-y|^2, mostly in three dimensions. Each peer runs in float32 (POT in float64, its default) with the settings that its documentation gives for speed: torch with
denormals flushed; POT with its own test of convergence; OTT-JAX compiled, with the threshold that is wanted; GeomLoss with eps-scaling by
.9, by its schedule, as it never tests. The error stated is that of the plan found, both sides, in float64.

    python -m venv peers && peers/bin/pip install -r bench/peers/requirements.txt
    ATEN_CPU_CAPABILITY=avx512 OPENBLAS_CORETYPE=SkylakeX MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=4294967296 \\
      peers/bin/python bench/peers/solver.py --iterations --sizes 1000 --with ours.json > theirs.json
"""

import argparse
import json
import math
import multiprocessing
import os
import resource
import signal
import statistics
import sys
import time
import warnings

import numpy as np
import torch

from rows import cpu_name  # the sheet of the machine is the same

def primes(n):
    found = []
    c = 2
    while len(found) < n:
        if all(c % q for q in found):
            found.append(c)
        c += 1
    return np.array(found, float)


def clouds(n, d=3):
    i, k = np.arange(1, n + 1)[:, None], np.arange(d)
    p = primes(6 * ((d + 2) // 3))
    x = np.modf(i * np.sqrt(p[k // 3 * 6 + k % 3]))[0]
    y = 0.3 + 1.2 * np.modf(i * np.sqrt(p[k // 3 * 6 + k % 3 + 3]))[0]
    return x, y


def cost_of(x, y):
    return (x * x).sum(1)[:, None] + (y * y).sum(1)[None, :] - 2 * x @ y.T


def times(run, budget):
    run()
    out, began = [], time.perf_counter()
    while len(out) < 3 or (len(out) < 9 and time.perf_counter() - began < budget):
        t = time.perf_counter()
        run()
        out.append(1e3 * (time.perf_counter() - t))
        if time.perf_counter() - began > 3 * budget:
            break
    return out


def line(name, params, samples, note="", error=""):
    r = {"name": name, "params": [{"key": k, "value": str(v)} for k, v in params.items()], "value": 0, "unit": "ms", "lower": True,
         "mad": 0, "min": 0, "max": 0, "unstable": False, "note": note}
    if error:
        return {**r, "error": error}
    m = statistics.median(samples)
    mad = statistics.median(abs(v - m) for v in samples)
    return {**r, "value": m, "mad": mad, "min": min(samples), "max": max(samples), "unstable": len(samples) < 3 or mad > 0.005 * m, "samples": samples}


# A solver takes x, y (float64), eps, a number of iterations and a tolerance, and returns potentials f, g of exp((f+g-C)/eps)/(n m).


def torch_exp(x, y, eps, iterations, tol):
    """The plain iteration on K = exp(-C/eps), testing the rows every ten."""
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    k = torch.exp(-torch.cdist(x, y, compute_mode="use_mm_for_euclid_dist").square() / eps)
    u, v, kt = torch.ones(len(x)), torch.ones(len(y)), k.T.contiguous()
    for i in range(iterations):
        u = len(y) / (k @ v)
        v = len(x) / (kt @ u)
        if i % 10 == 9 and tol and (u * (k @ v) / (len(x) * len(y)) - 1 / len(x)).abs().sum() <= tol:
            break
    return eps * torch.log(u).double().numpy(), eps * torch.log(v).double().numpy()


def pot(method):
    def solve(x, y, eps, iterations, tol):
        import ot

        a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
        # Its test is the 2-norm of one marginal; over n entries the 1-norm is at most sqrt(n) times that.
        _, log = ot.sinkhorn(a, b, cost_of(x, y), eps, method=method, numItermax=iterations, stopThr=tol / math.sqrt(len(x)) if tol else 0, log=True, warn=False)
        key = ("log_u", "log_v") if "log_u" in log else ("u", "v")
        u, v = np.asarray(log[key[0]]), np.asarray(log[key[1]])
        if key[0] == "u":
            u, v = np.log(u), np.log(v)
        return eps * (u + math.log(len(x))), eps * (v + math.log(len(y)))

    return solve


def ott(x, y, eps, iterations, tol):
    import jax
    import jax.numpy as jnp
    from ott.geometry import pointcloud
    from ott.solvers import linear

    if not hasattr(ott, "solve"):
        ott.solve = jax.jit(lambda x, y, eps, tol, most: linear.solve(pointcloud.PointCloud(x, y, epsilon=eps), threshold=tol, max_iterations=most), static_argnums=4)
    out = ott.solve(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32), eps, tol or 0.0, -(-iterations // 10) * 10)
    f, g = np.asarray(out.f, np.float64), np.asarray(out.g, np.float64)
    shift = eps * math.log(len(x))  # its potentials are those of the counting measure
    return f + shift, g + shift


def geomloss(backend):
    def solve(x, y, eps, iterations, tol, scaling=0.9):
        from geomloss import SamplesLoss

        x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
        loss = SamplesLoss("sinkhorn", p=2, blur=math.sqrt(eps / 2), scaling=scaling, debias=False, potentials=True, backend=backend)
        f, g = loss(x, y)  # of |x-y|^2/2
        return 2 * f.double().numpy().ravel(), 2 * g.double().numpy().ravel()

    return solve


def marginals(x, y, eps, f, g):
    """The L1 error of both sides and the dual value, in float64, a block of rows at a time."""
    n, m = len(x), len(y)
    rows, cols = np.zeros(n), np.zeros(m)
    for i in range(0, n, 1000):
        with np.errstate(over="ignore", invalid="ignore"):
            p = np.exp((f[i:i + 1000, None] + g[None, :] - cost_of(x[i:i + 1000], y)) / eps) / (n * m)
        rows[i:i + 1000] = p.sum(1)
        cols += p.sum(0)
    return abs(rows - 1 / n).sum() + abs(cols - 1 / m).sum(), f.mean() + g.mean() - eps * (rows.sum() - 1)


SOLVERS = {"torch-exp": torch_exp, "pot": pot("sinkhorn"), "pot-log": pot("sinkhorn_log"), "ott-jax": ott, "geomloss": geomloss("tensorized")}


def iteration_rows(args):
    """The time of an iteration, as the difference of runs of few and of many; for GeomLoss, of a coarse and of a fine schedule."""
    few, many = 10, 60
    for peer, n in [(p, n) for n in (1024, 4096) for p in ("torch-exp", "pot-log", "geomloss")] + [("geomloss-keops", 1024)]:
        if peer not in args.peers:
            continue
        x, y = clouds(n)
        eps = 0.05 * cost_of(x, y).mean()
        params = {"peer": peer, "n": n, "cost": "points" if "keops" in peer else "stored", "threads": args.threads}
        try:
            if peer.startswith("geomloss"):
                from geomloss._legacy.sinkhorn_divergence import epsilon_schedule

                solve = geomloss("online" if "keops" in peer else "tensorized")
                diameter = float(np.linalg.norm(np.maximum(x.max(0), y.max(0)) - np.minimum(x.min(0), y.min(0))))
                few, many = (len(epsilon_schedule(2, diameter, math.sqrt(eps / 2), s)) for s in (0.5, 0.9))
                runs = [lambda s=s: solve(x, y, eps, 0, 0, s) for s in (0.5, 0.9)]
            else:
                runs = [lambda k=k: SOLVERS[peer](x, y, eps, k, 0) for k in (10, 60)]
                few, many = 10, 60
            short, long = times(runs[0], args.budget), times(runs[1], args.budget)
            base = statistics.median(short)
            yield line("full-iteration", params, [(v - base) / (many - few) for v in long])
        except Exception as e:  # a peer that is not there is a row that says so
            yield line("full-iteration", params, [], error=f"{type(e).__name__}: {e}"[:200])


# Cases whose times others have published: points of each cloud, dimension, eps as a share of the mean cost, and iterations from zero.
PUBLISHED = [("notebook", 4096, 6, 0.01, 40), ("flashsinkhorn", 10000, 64, 0.1, 10), ("flashsinkhorn", 20000, 64, 0.1, 10), ("flashsinkhorn", 50000, 64, 0.1, 10)]

# Bytes of memory an entry that peers were seen to take: matrices in their precision, and temporaries.
MATRICES = {"torch-exp": 16, "pot": 32, "pot-log": 56, "ott-jax": 20, "geomloss": 36}


def scaling_of(iterations, x, y, eps):
    """The ratio of temperatures for which GeomLoss's schedule has that many, as near as it can."""
    from geomloss._legacy.sinkhorn_divergence import epsilon_schedule

    diameter = float(np.linalg.norm(np.maximum(x.max(0), y.max(0)) - np.minimum(x.min(0), y.min(0))))
    ratios = np.linspace(0.001, 0.999, 999)
    return min(ratios, key=lambda s: abs(len(epsilon_schedule(2, diameter, math.sqrt(eps / 2), s)) - iterations))


def available():
    """Bytes of memory that can be had without swapping; infinite where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as f:
            return next(1024 * int(line.split()[1]) for line in f if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return math.inf


def published_rows(args):
    """The iterations of published cases, from points to potentials, and the error that they leave; each in a process of its own, which is ended
    where its first solve takes longer than the limit. A peer that did not end is not asked for more points."""
    late = {}
    for name, n, d, share, iterations in PUBLISHED:
        for peer in args.peers:
            params = {"peer": peer, "n": n, "d": d, "eps/mean": share, "threads": args.threads}
            needs = MATRICES.get(peer, 0) * n * n
            if late.get((name, peer), n) < n:
                yield line(name, params, [], error=f"not run: not in {args.limit:.0f} s at n = {late[name, peer]}")
            elif needs > available():
                yield line(name, params, [], error=f"not run: it takes some {needs / 1e9:.0f} GB of memory, of which {available() / 1e9:.0f} are free")
            else:
                found = within(args.limit, name, params, lambda tell: published_row(args, peer, name, params, iterations, tell))
                if found.get("error", "").startswith("not in"):
                    late[name, peer] = n
                yield found


def published_row(args, peer, name, params, iterations, tell):
    n, d, share = params["n"], params["d"], params["eps/mean"]
    x, y = clouds(n, d)
    eps = share * float((x * x).sum(1).mean() + (y * y).sum(1).mean() - 2 * x.mean(0) @ y.mean(0))
    solve, note = SOLVERS.get(peer) or geomloss("online"), f"{iterations} iterations"
    if peer.startswith("geomloss"):
        ratio, plain = scaling_of(iterations, x, y, eps), solve
        solve, note = lambda x, y, eps, iterations, tol: plain(x, y, eps, iterations, tol, ratio), f"temperatures by {ratio:.3g}, symmetric updates"
    solve(x[:64], y[:64], eps, iterations, 0)  # loads and compiles
    tell("ready")
    began = time.perf_counter()
    f, g = solve(x, y, eps, iterations, 0)
    once = time.perf_counter() - began
    tell("first")
    error, _ = marginals(x, y, eps, f, g)
    if not error <= 2:  # of masses 1
        return line(name, params, [], error=f"L1 error {error:.1e} after {1e3 * once:.0f} ms: it left the range of its numbers")
    samples = times(lambda: solve(x, y, eps, iterations, 0), args.budget) if once < args.limit / 3 else [1e3 * once]
    return line(name, params, samples, f"{note}, L1 error {error:.1e}" + (", one run" if len(samples) == 1 else ""))


def within(limit, name, params, work):
    """The row that work returns in another process, which tells when it is ready and when its first solve is done. The limit is of processor time a
    thread, so that other programs do not count."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(False)

    def tell(stage):
        most = resource.RLIM_INFINITY if stage == "first" else math.ceil(time.process_time() + limit * params["threads"])
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))

    def run():
        try:
            theirs.send(work(tell))
        except Exception as e:  # a peer that is not there is a row that says so
            theirs.send(line(name, params, [], error=f"{type(e).__name__}: {e}"[:200]))

    child = fork.Process(target=run)
    child.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        child.join()
        late = child.exitcode == -signal.SIGXCPU
        return line(name, params, [], error=f"not in {limit:.0f} s" if late else f"ended by signal {-child.exitcode}: out of memory?")
    finally:
        child.kill()
        child.join()


# POT's table of its backends: |x-y|^2 given between n/4 and n points of the unit cube in 100 dimensions, eps = 1, until the 2-norm of one marginal's
# error is 1e-7.
POT_TABLE = (50, 100, 500, 1000, 2000, 5000)


def cube(n, d, first):
    return np.modf(np.arange(1, n + 1)[:, None] * np.sqrt(primes(first + d)[first:]))[0]


def backend_rows(args):
    if "pot" not in args.peers:
        return
    import ot

    for n in POT_TABLE:
        x, y = cube(n // 4, 100, 0), cube(n, 100, 100)
        for precision in (torch.float32, torch.float64):
            c = torch.tensor(cost_of(x, y), dtype=precision)
            a, b = (torch.full((k,), 1 / k, dtype=precision) for k in c.shape)
            for peer, to in (("pot", lambda t: t.numpy()), ("pot-torch", lambda t: t)):
                solve = lambda: ot.bregman.sinkhorn(to(a), to(b), to(c), 1, stopThr=1e-7)
                params = {"peer": peer, "n": n, "d": 100, "eps": 1, "precision": "f32" if precision == torch.float32 else "f64", "threads": args.threads}
                try:
                    plan = torch.as_tensor(solve()).double()
                    error = float((plan.sum(1) - 1 / len(x)).abs().sum() + (plan.sum(0) - 1 / n).abs().sum())
                    yield line("backends", params, times(solve, args.budget), f"L1 error {error:.1e}, matrix given")
                except Exception as e:
                    yield line("backends", params, [], error=f"{type(e).__name__}: {e}"[:200])


def time_rows(args, values):
    for n in args.sizes:
        x, y = clouds(n)
        mean = float((x * x).sum(1).mean() + (y * y).sum(1).mean() - 2 * x.mean(0) @ y.mean(0))
        for share in args.eps:
            eps = share * mean
            for peer in args.peers:
                if peer not in SOLVERS:
                    continue
                for tol in args.tols:
                    params = {"peer": peer, "n": n, "eps/mean": share, "L1": f"{tol:.0e}", "threads": args.threads}
                    yield time_row(args, peer, params, x, y, eps, tol, mean, values.get((n, share)))


def time_row(args, peer, params, x, y, eps, tol, mean, value):
    solve = SOLVERS[peer]
    try:
        began = time.perf_counter()
        solve(x, y, eps, 20, tol)
        most = max(50, min(args.most, int(20 * args.limit / (time.perf_counter() - began))))
        began = time.perf_counter()
        f, g = solve(x, y, eps, most, tol)
        once = time.perf_counter() - began
        error, dual = marginals(x, y, eps, f, g)
        note = f"L1 error {error:.1e}" + (f", value off by {abs(dual - value) / mean:.1e} of the mean cost" if value is not None else "")
        if not error <= 2 * tol:  # its own test is of one side
            return line("time-to", params, [], note, f"not reached in {once:.1f} s: {note}")
        return line("time-to", params, times(lambda: solve(x, y, eps, most, tol), args.budget), note)
    except Exception as e:
        return line("time-to", params, [], error=f"{type(e).__name__}: {e}"[:200])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peers", nargs="+", default=[*SOLVERS, "geomloss-keops"])
    p.add_argument("--sizes", type=int, nargs="*", default=[])
    p.add_argument("--eps", type=float, nargs="+", default=[0.1, 0.01, 0.001])
    p.add_argument("--tols", type=float, nargs="+", default=[1e-3, 1e-6])
    p.add_argument("--iterations", action="store_true")
    p.add_argument("--published", action="store_true", help="also the cases whose times others have published")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--budget", type=float, default=2, help="seconds for the samples of a row")
    p.add_argument("--limit", type=float, default=20, help="seconds that one solve may take, about; in published cases, at most")
    p.add_argument("--most", type=int, default=100000, help="iterations at most")
    p.add_argument("--with", dest="ours", help="JSON of bench/solver, for the values in float64")
    args = p.parse_args()
    threads = {k: str(args.threads) for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    if any(os.environ.get(k) != v for k, v in threads.items()):  # NumPy's BLAS reads them when it is loaded, and more threads than processors wait for each other
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | threads)
    out, sys.stdout = sys.stdout, sys.stderr  # some peers talk
    warnings.filterwarnings("ignore")
    if hasattr(os, "sched_setaffinity"):  # JAX and KeOps know no other way
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-args.threads:])
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    values = {}
    if args.ours:
        for r in json.load(open(args.ours, encoding="utf-8"))["rows"]:
            k = {q["key"]: q["value"] for q in r["params"]}
            if r["name"] == "value":
                values[int(k["n"]), float(k["eps/mean"])] = r["value"]
    # Published cases first: their processes must not come from one in which a library has threads already.
    rows = [*([*published_rows(args), *backend_rows(args)] if args.published else []), *(iteration_rows(args) if args.iterations else []), *time_rows(args, values)]
    machine = {"cpu": cpu_name(), "cores": 0, "gomaxprocs": 0, "tier": torch.backends.cpu.get_cpu_capability(), "tiers": "", "os": sys.platform, "go": "",
               "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    json.dump({"schema": 1, "program": "bench/peers/solver.py", "machine": machine, "rows": rows}, out, indent=1)


if __name__ == "__main__":
    main()
