"""Rows of bench/row: the loop that times an operation, and the report."""

import datetime
import json
import os
import platform
import statistics
import sys
import time


class Samples:
    """Seconds of an operation; unstable where they did not agree when the time was up."""

    def __init__(self, seconds, disturbed=0, bound=0.005, least=3):
        self.seconds, self.disturbed = seconds, disturbed
        self.median = statistics.median(seconds)
        self.unstable = len(seconds) < least or statistics.median(abs(v - self.median) for v in seconds) > bound * self.median


def lost():
    """Seconds that this thread has waited for a processor that others had; 0 where Linux does not tell."""
    try:
        with open("/proc/thread-self/schedstat", encoding="ascii") as f:
            return 1e-9 * int(f.read().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0


def samples(run, budget, least=11, most=101, bound=0.005, shortest=2e-3):
    """Times groups of calls until the median absolute deviation is at most bound times the median, or the time is up. Samples that lost a
    hundredth of their time to other programs are set aside while enough others are left, as bench/row does."""
    began = time.perf_counter()
    fastest = float("inf")
    while fastest == float("inf") or time.perf_counter() - began < 0.03:
        t = time.perf_counter()
        run()
        fastest = min(fastest, time.perf_counter() - t)
    calls = int(shortest / fastest) + 1
    clean, disturbed, began = [], [], time.perf_counter()
    while True:
        waited, t = lost(), time.perf_counter()
        for _ in range(calls):
            run()
        passed = time.perf_counter() - t
        (clean if lost() - waited <= 0.01 * passed else disturbed).append(passed / calls)
        taken = len(clean) + len(disturbed)
        if len(clean) >= least and not Samples(clean, bound=bound).unstable or taken >= most or taken >= 3 and time.perf_counter() - began > budget:
            break
    return Samples(clean, len(disturbed), bound) if len(clean) >= 3 else Samples(clean + disturbed, len(disturbed), bound, least=most)


def row(name, params, s, values, unit, note, lower=False):
    median = statistics.median(values)
    return {
        "name": name, "params": [{"key": k, "value": str(v)} for k, v in params.items()], "value": median, "unit": unit, "lower": lower,
        "mad": statistics.median(abs(v - median) for v in values), "min": min(values), "max": max(values), "samples": values,
        "unstable": s.unstable, "disturbed": s.disturbed, "note": note,
    }


def rate(name, params, s, amount, unit, note):
    """A row whose value is amount / time."""
    return row(name, params, s, [amount / t for t in s.seconds], unit, note)


def duration(name, params, s, note):
    """A row whose value is a time in milliseconds."""
    return row(name, params, s, [1e3 * t for t in s.seconds], "ms", note, lower=True)


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="ascii") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def write(program, found):
    machine = {"cpu": cpu_name(), "cores": os.cpu_count(), "gomaxprocs": 0, "tier": "", "tiers": "", "os": f"{platform.system()}/{platform.machine()}".lower(), "go": "",
               "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}
    json.dump({"schema": 1, "program": program, "machine": machine, "rows": found}, sys.stdout, indent=1)
