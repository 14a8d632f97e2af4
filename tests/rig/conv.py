"""Plays .conv files: `python3 -m rig.conv FILE… [--only TEXT]`, from tests/. Exit code 1 on a failure."""
import argparse
import sys
import time
import traceback

from .conv_parse import Case, parse
from .conv_run import Play
from .conv_table import RequestRow, ResponseRow, request_modes
from .stage import Stage


def plays(item):
    """(title, function of a stage) for every run that a case or table asks for."""
    if isinstance(item, Case):
        for split in [False, True] if item.split else [False]:
            title = item.name + (" (byte by byte)" if split else "")
            yield title, lambda stage, s=split: Play(stage, item, s).run()
        return
    for row in item.rows:
        if item.kind == "requests":
            for mode in request_modes(row):
                yield f"{row.name} ({mode})", lambda stage, r=row, m=mode: RequestRow(
                    stage, r, m
                ).run()
        else:
            for mode in ("whole", "split"):
                yield (
                    f"{row.name} ({mode})",
                    lambda stage, r=row, m=mode: ResponseRow(stage, r, m, item.method).run(),
                )


def run_block(block, name, only, report):
    """Plays the block's items on one proxy; after a failure the next one gets a fresh stage."""
    stage = None
    for title, play in [(t, p) for item in block.items for t, p in plays(item) if only in t]:
        good = True
        try:
            stage = stage or Stage(block.config)
            play(stage)
        except Exception as error:  # a broken case must not hide the next ones
            good = False
            text = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
        report(good, title if good else f"{name}: {title}\n{text}")
        if not good and stage is None:
            return  # the proxy does not start: neither will it for the next
        if not good:
            stop(stage, report, f"{name}: after that, stopping")
            stage = None
    if stage:
        stop(stage, report, f"{name}: stopping after line {block.line}")


def stop(stage, report, what):
    try:
        for problem in stage.stop():
            report(False, f"{what}: {problem}")
    except AssertionError as error:
        report(False, f"{what}: {error}")


def run_file(path, only="", out=sys.stdout, verbose=False):
    """(passed, failed)"""
    counts = [0, 0]

    def report(good, text):
        counts[not good] += 1
        if not good or verbose:
            print(("ok   " if good else "FAIL ") + text, file=out, flush=True)

    with open(path, encoding="utf-8") as file:
        blocks = parse(file.read())
    for block in blocks:
        run_block(block, str(path).rsplit("/", 1)[-1], only, report)
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    failed = 0
    for path in args.files:
        start = time.monotonic()
        good, bad = run_file(path, args.only, verbose=args.verbose)
        failed += bad
        print(f"{path}: {good} passed, {bad} failed, {time.monotonic() - start:.1f} s")
        if good + bad == 0:
            print("no case was played")
            failed += 1
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
