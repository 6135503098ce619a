"""Tables of the README from result files of pytest-benchmark: `python -m benchmarks.report RESULTS.json`.

All numbers of a table are from one run on one machine; a ratio says how many times as long as fastcam a contender took.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

Medians = dict[tuple[str, int, str, str], tuple[float, float]]


def read(path: Path) -> tuple[Medians, dict[str, Any]]:
    """Return median and minimum, in microseconds, by (kind, threads, case, contender), and the machine."""
    content = json.loads(path.read_text(encoding="utf-8"))
    times: Medians = {}
    for one in content["benchmarks"]:
        found = re.fullmatch(r"(.*?), (.*), threads: (\d+)", one["group"] or "")
        if found:
            contender = one["params"].get("contender") or one["params"].get("limit")
            key = (found[1], int(found[3]), found[2], contender)
            times[key] = (one["stats"]["median"] * 1e6, one["stats"]["min"] * 1e6)
    return times, content["machine_info"]


def table(times: Medians, kind: str, threads: int, limit: str, others: tuple[str, ...]) -> list[str]:
    """Markdown: a line for each case, fastcam's median (minimum) in µs, how many times as long as a limit it took, and
    how many times as long as fastcam the others took.
    """
    cases = list(dict.fromkeys(case for of, count, case, _ in times if (of, count) == (kind, threads)))
    rows = [f"× {limit}"] * bool(limit) + list(others)
    lines = [
        f"| {kind}, threads: {threads} | fastcam, µs | " + " | ".join(rows) + " |",
        "| --- " * (len(rows) + 2) + "|",
    ]
    for case in cases:
        ours = times[kind, threads, case, "fastcam"]
        cells = []
        if limit:
            cells.append(ratio(ours, times["limits", threads, case, limit]))
        for name in others:
            theirs = times.get((kind, threads, case, name))
            cells.append(ratio(theirs, ours) if theirs else "–")
        lines.append(f"| {case} | {digits(ours[0])} ({digits(ours[1])}) | " + " | ".join(cells) + " |")
    return [*lines, ""]


def ratio(theirs: tuple[float, float], ours: tuple[float, float]) -> str:
    """Return the ratio of the medians, and of the minima in brackets."""
    return f"{digits(theirs[0] / ours[0])} ({digits(theirs[1] / ours[1])})"


def digits(value: float) -> str:
    """Return a number with two or three significant digits."""
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def end_to_end(times: Medians) -> list[str]:
    """Return a table of milliseconds, medians and minima."""
    kind = "end to end"
    counts = sorted({threads for of, threads, *_ in times if of == kind})
    names = dict.fromkeys(name for of, *_, name in times if of == kind)
    if not names:
        return []
    lines = [
        "| end to end, ResNet-50 224×224, ms | " + " | ".join(f"threads: {count}" for count in counts) + " |",
        "| --- " * (len(counts) + 1) + "|",
    ]
    for name in names:
        found = [times.get((kind, count, "ResNet-50 224×224", name)) for count in counts]
        cells = [f"{one[0] / 1e3:.1f} ({one[1] / 1e3:.1f})" if one else "–" for one in found]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def side_by_side(times: Medians, kind: str) -> list[str]:
    """Return milliseconds of all contenders: a table for each number of threads, a line for each case."""
    lines: list[str] = []
    for count in sorted({threads for of, threads, *_ in times if of == kind}):
        names = list(dict.fromkeys(name for of, threads, _, name in times if (of, threads) == (kind, count)))
        lines += [f"| {kind}, ms, threads: {count} | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
        for case in dict.fromkeys(case for of, threads, case, _ in times if (of, threads) == (kind, count)):
            found = [times.get((kind, count, case, name)) for name in names]
            cells = [f"{one[0] / 1e3:.1f} ({one[1] / 1e3:.1f})" if one else "–" for one in found]
            lines.append(f"| {case} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines


def discovery(times: Medians, benchmarks: list[dict[str, Any]]) -> list[str]:
    """Return the milliseconds of opening a model, and the cost of its exposed feature maps in a forward pass."""
    names = list(dict.fromkeys(case for of, _, case, _ in times if of == "open"))
    contenders = ("onnxruntime", "fastcam", "fastcam, saved head")
    exposed = {one["group"]: one.get("extra_info", {}).get("ratio") for one in benchmarks}
    if not names:
        return []
    lines = [
        "| open, ms | onnxruntime | fastcam | fastcam, saved head | forward with maps exposed, 1 thread | 2 threads |",
        "| --- " * 6 + "|",
    ]
    for name in names:
        count = next(threads for of, threads, case, _ in times if (of, case) == ("open", name))
        opened = [times["open", count, name, contender] for contender in contenders]
        ratios = [exposed.get(f"exposing, {name}, threads: {threads}") for threads in (1, 2)]
        cells = [f"{median / 1e3:.1f} ({least / 1e3:.1f})" for median, least in opened]
        cells += [f"× {one['median']:.3f} ({one['min']:.3f})" if one else "–" for one in ratios]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def on_device(benchmarks: list[dict[str, Any]]) -> list[str]:
    """Return microseconds of a device, and the ratio of each other to fastcam."""
    found = {
        (one["group"], one["params"]["contender"]): one["extra_info"]
        for one in benchmarks
        if "device" in one.get("extra_info", {})
    }
    if not found:
        return []
    device = next(iter(found.values()))["device"]
    names = ("copy", "CuPy", "PyTorch")
    lines = [
        f"{device['name']}, {device['clock, MHz']:.0f} MHz, driver {device['driver']}, CUDA {device['runtime']}.",
        "",
        "| | fastcam, µs | " + " | ".join(f"{name}, ×" for name in names) + " |",
        "| --- " * 5 + "|",
    ]
    for group in dict.fromkeys(group for group, _ in found):
        times = {name: info["device, µs"] for (of, name), info in found.items() if of == group}
        ours = times.pop("fastcam")
        cells = [
            ratio((times[name]["median"], times[name]["min"]), (ours["median"], ours["min"])) if name in times else "–"
            for name in names
        ]
        lines.append(f"| {group} | {digits(ours['median'])} ({digits(ours['min'])}) | " + " | ".join(cells) + " |")
    return [*lines, ""]


def report(path: Path, threads: int | None = None) -> str:
    """Return all tables of a result file, or those of one number of threads."""
    times, machine = read(path)
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [f"{machine['processor']}; Python {machine['python']}; {versions}.", ""]
    others = ("NumPy + OpenCV", "NumPy + OpenCV + cc3d", "PyTorch + OpenCV", "NumPy + scikit-image")
    for count in [threads] if threads else sorted({count for _, count, *_ in times}):
        for kind, limit, names in (
            ("boxes", "sgemv", others),
            ("heatmaps and boxes", "memset", others),
            ("overlay", "", ("OpenCV",)),
        ):
            if any(of == kind for of, *_ in times):
                lines += table(times, kind, count, limit, names)
    benchmarks = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    for kind in ("gradient", "masking", "baked", "sweep"):
        lines += side_by_side(times, kind)
    return "\n".join(lines + end_to_end(times) + discovery(times, benchmarks) + on_device(benchmarks)).rstrip() + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Turn a result file into tables.")
    parser.add_argument("results", type=Path)
    parser.add_argument("--threads", type=int, help="only the tables for that many")
    options = parser.parse_args()
    print(report(options.results, options.threads), end="")
