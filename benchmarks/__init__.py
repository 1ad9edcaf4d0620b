"""Benchmarks of DataWatch Lab: frozen, seeded scenarios, each beside something timed with it.

Run ``python -m benchmarks list`` and ``python -m benchmarks run``; README.md says what each
measures, how, and against what.

    model.py      a scenario, its figures, what one run of a part gives
    targets.py    what each figure must reach, and the goal
    running.py    scenarios in fresh child processes, interleaved with their baselines
    child.py      one part of one scenario, in a process of its own
    results.py    the JSON and the table; compare.py sets two of them side by side
    events.py     files of change events, the same bytes for the same seed
    meters.py     CPU time, peak memory, sizes of files
    loopback.py   servers in processes of their own, and clients that add little of their own time
    scenarios/    one file each
"""
