"""Runs the work of bench/tiers and bench/limits in other libraries, and writes rows of bench/row to stdout.

    python -m venv peers && peers/bin/pip install -r bench/peers/requirements.txt
    peers/bin/python bench/peers/peers.py > peers.json
    go run ./bench/tiers --with peers.json
    peers/bin/python bench/peers/peers.py --only loss,networks > loss.json
    go run ./bench/limits --with loss.json

Peers: numpy and torch (functions of vectors), openblas (products of matrices, in a C program; as SkylakeX and as what it takes the
processor for), gonum (its own products, in Go), archsimd (an exponential in Go's simd/archsimd), loss (the debiased Sinkhorn loss in
PyTorch), networks (steps of networks in PyTorch), solver (solver.py: GeomLoss, KeOps, POT, OTT-JAX). OpenBLAS is that of the system (Debian: apt install libopenblas-dev). A peer that cannot be had becomes a row that says why.

Settings: ATEN_CPU_CAPABILITY=avx512, denormals flushed in PyTorch, and glibc told to keep large blocks of memory, which it would otherwise
map and clear for each result. NumPy and PyTorch write their results in place where they can.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import rows

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
SETTINGS = {
    "ATEN_CPU_CAPABILITY": "avx512", "MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 33), "MALLOC_TOP_PAD_": str(1 << 28),
}
PEERS = ["numpy", "torch", "openblas", "gonum", "archsimd", "loss", "networks", "solver"]
LENGTHS = [2048, 1 << 23]  # as bench/measure has them
IN_MEMORY = ["exp", "log-sum-exp", "softmax"]
SHAPES = [("NN", 64, 64, 64), ("NN", 256, 256, 256), ("NN", 1024, 1024, 1024), ("NN", 4096, 4096, 4096), ("NT", 200, 784, 500), ("NN", 1000, 2, 500),
          ("NN", 1000, 1, 1000), ("TN", 1000, 1, 1000)]


def numpy_functions(x, out):
    import numpy as np

    def log_sum_exp():
        m = x.max()
        np.subtract(x, m, out=out)
        np.exp(out, out=out)
        return m + np.log(out.sum())

    def softmax():
        np.subtract(x, x.max(), out=out)
        np.exp(out, out=out)
        np.divide(out, out.sum(), out=out)

    f = {name: (lambda g=getattr(np, name): g(x, out=out)) for name in ("exp", "exp2", "expm1", "log", "log1p", "tanh")}
    return f | {"softmax": softmax, "log-sum-exp": log_sum_exp}


def torch_functions(x, out):
    import torch

    f = {name: (lambda g=getattr(torch, name): g(x, out=out)) for name in ("exp", "exp2", "expm1", "log", "log1p", "tanh", "sigmoid")}
    return f | {
        "softplus": lambda: torch.nn.functional.softplus(x),
        "softmax": lambda: torch.softmax(x, 0, out=out),
        "log-sum-exp": lambda: torch.logsumexp(x, 0),
    }


def functions(peer, budget):
    """Measures functions of vectors on one core; arguments are uniform on [0, 10)."""
    import numpy as np

    if peer == "torch":
        import torch

        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        version = "torch " + torch.__version__
    else:
        version = "numpy " + np.__version__
    found = []
    for precision, kind in (("f32", "float32"), ("f64", "float64")):
        for n in LENGTHS:
            x = np.random.default_rng(1).uniform(0, 10, n).astype(kind)
            out = np.empty_like(x)
            if peer == "torch":
                x, out = torch.from_numpy(x), torch.from_numpy(out)
            for name, run in (torch_functions if peer == "torch" else numpy_functions)(x, out).items():
                if n > LENGTHS[0] and name not in IN_MEMORY:
                    continue
                params = {"peer": peer, "n": n, "precision": precision, "threads": 1}
                found.append(rows.rate(name, params, rows.samples(run, budget), n / 1e9, "G/s", version))
    return found


def openblas(budget, threads):
    """Compiles the C program and runs it with each setting."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "openblas"
        subprocess.run(["cc", "-O2", "-o", program, HERE / "openblas.c", "-lopenblas", "-lm"], check=True, capture_output=True, text=True)
        lines = "".join(f"{precision} {trans} {t} {m} {n} {k}\n" for precision in ("f32", "f64") for trans, m, n, k in SHAPES for t in threads)
        env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
        for peer, core in (("openblas-skylakex", {"OPENBLAS_CORETYPE": "SkylakeX"}), ("openblas", {})):
            out = subprocess.run([program, str(budget)], input=lines, check=True, capture_output=True, text=True, env=env | core).stdout
            note, *results = out.splitlines()
            for line in results:
                precision, trans, t, m, n, k, *seconds = line.split()
                params = {"peer": peer, "m": m, "n": n, "k": k, "trans": trans, "precision": precision, "threads": t}
                found.append(rows.rate("gemm", params, rows.Samples([float(s) for s in seconds]), 2e-9 * int(m) * int(n) * int(k), "GFLOP/s", note.lstrip("# ")))
    return found


def go_program(name, *arguments, **environment):
    """Returns the rows of a program of ours in Go."""
    out = subprocess.run(["go", "run", f"./bench/peers/{name}", *arguments], cwd=REPOSITORY, check=True, capture_output=True, text=True,
                         env=os.environ | environment).stdout
    return json.loads(out)["rows"]


def loss(budget, threads):
    import torch_loss

    torch_loss.check(10)
    return [torch_loss.measure(steps, t, budget) for steps in (100, 10) for t in threads]


def networks(budget, threads):
    import torch_nn

    return [torch_nn.measure(model, batch, t, budget) for model, batch in torch_nn.ROWS for t in threads]


def solver(budget, threads):
    """Runs solver.py for an iteration, published cases, and the times to an error at n = 1000; in a process for each number of threads, as
    some peers take it from the environment."""
    found = []
    for t in threads:
        out = subprocess.run([sys.executable, HERE / "solver.py", "--iterations", "--published", "--sizes", "1000", "--threads", str(t), "--budget", str(budget)],
                             check=True, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": str(t), "OPENBLAS_NUM_THREADS": str(t)}).stdout
        found += json.loads(out)["rows"]
    return found


def rows_of(peer, budget, threads):
    match peer:
        case "numpy" | "torch":
            return functions(peer, budget)
        case "openblas":
            return openblas(budget, threads)
        case "gonum":
            return go_program("gonum", f"-budget={budget}s")
        case "archsimd":
            return go_program("archsimd", GOEXPERIMENT="simd")
        case "loss":
            return loss(10 * budget, threads)
        case "networks":
            return networks(3 * budget, threads)
        case "solver":
            return solver(2 * budget, threads)


def why(error):
    if isinstance(error, subprocess.CalledProcessError):
        return f"{error.cmd[0]}: " + (error.stderr.strip().splitlines() or ["no message"])[-1]
    return f"{type(error).__name__}: {error}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default=",".join(PEERS[:-3]), help="peers to run, a list with commas, of: " + ", ".join(PEERS) + " (default: all but loss, networks and solver)")
    p.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1], help="threads of products and losses")
    p.add_argument("--budget", type=float, default=1, help="seconds for a row")
    args = p.parse_args()
    unknown = set(args.only.split(",")) - set(PEERS)
    if unknown:
        p.error(f"--only {','.join(sorted(unknown))}: want some of {', '.join(PEERS)}")
    if any(os.environ.get(k) != v for k, v in SETTINGS.items()):  # libraries read them when they are loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | SETTINGS)
    found = []
    for peer in args.only.split(","):
        try:
            found += rows_of(peer, args.budget, list(dict.fromkeys(args.threads)))
        except (ImportError, OSError, subprocess.CalledProcessError) as error:
            found.append({"name": "peer", "params": [{"key": "peer", "value": peer}], "value": 0, "unit": "", "mad": 0, "min": 0, "max": 0, "unstable": False, "error": why(error)})
    rows.write("bench/peers/peers.py", found)


if __name__ == "__main__":
    main()
