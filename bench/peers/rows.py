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


def report(program, found, missing=()):
    """The report of rows; missing are the keys of those that are still to come."""
    machine = {"cpu": cpu_name(), "cores": os.cpu_count(), "gomaxprocs": 0, "tier": "", "tiers": "", "os": f"{platform.system()}/{platform.machine()}".lower(), "go": "",
               "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}
    r = {"schema": 1, "program": program, "machine": machine, "rows": found}
    return r | ({"missing": list(missing)} if missing else {})


def write(program, found):
    json.dump(report(program, found), sys.stdout, indent=1)


def key(name, params):
    """What tells a row from others, as Key of bench/row."""
    return "/".join([name] + [f"{k}={v}" for k, v in params.items()])


def row_key(r):
    return key(r["name"], {p["key"]: p["value"] for p in r["params"]})


def failed(name, params, why):
    """A row without a value."""
    return {"name": name, "params": [{"key": k, "value": str(v)} for k, v in params.items()], "value": 0, "unit": "ms", "lower": True,
            "mad": 0, "min": 0, "max": 0, "unstable": False, "error": why}


class File:
    """A file of rows, which has each as soon as it is added, and the keys of those that are still to come; what ends the program leaves it whole."""

    def __init__(self, path, program, planned, retry=False):
        self.path, self.program, self.found = path, program, []
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                self.found = json.load(f)["rows"]
            if retry:
                self.found = [r for r in self.found if not r.get("error")]
        there = {row_key(r) for r in self.found}
        self.missing = [k for k in planned if k not in there]
        self.save()

    def add(self, r):
        self.found.append(r)
        self.missing = [k for k in self.missing if k != row_key(r)]
        self.save()

    def save(self):
        with open(self.path + ".part", "w", encoding="utf-8") as f:
            json.dump(report(self.program, self.found, self.missing), f, indent=1)
            f.flush()
            os.fsync(f.fileno())
        os.replace(self.path + ".part", self.path)
