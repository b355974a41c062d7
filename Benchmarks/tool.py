"""Runs `semblance`, as the benchmarks' scripts do. Python 3."""
import subprocess


def run(tool, *arguments):
    """What a command prints; a RuntimeError with the end of its complaint where it fails."""
    command = [tool, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return done.stdout
