"""Exact transport by POT's network simplex on the problems of BenchmarkSolve of sinkhorn/exact: the laws are the same, the draws are not.

Prints a line a problem, the least of three runs, the cost matrix given.
"""

import time

import numpy as np
import ot


def shares(rng, n, weights):
    w = np.ones(n) if weights == "equal" else rng.random(n)
    return w / w.sum()


def main():
    rng = np.random.default_rng(1)
    for weights in ["equal", "random"]:
        for d in [2, 16]:
            for n in [500, 1000, 2000]:
                x, y = rng.normal(0, 1, (n, d)), rng.normal(1, 1, (n, d))
                cost = ((x[:, None, :] - y[None]) ** 2).sum(-1)
                a, b = shares(rng, n, weights), shares(rng, n, weights)
                best = np.inf
                for _ in range(3):
                    begin = time.perf_counter()
                    ot.emd(a, b, cost, numItermax=10**8, numThreads=1)
                    best = min(best, time.perf_counter() - begin)
                print(f"weights={weights}/d={d}/n={n} {1e3 * best:.1f} ms", flush=True)


if __name__ == "__main__":
    main()
