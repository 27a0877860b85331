"""Whoever reads the log may die, or its disk be full: the exchange went on in half.

A line that could not be written raised in the middle of whatever it was about: a supervisor whose
log pipe had broken started nobody again, and did not end when it was told to.
"""

import os
import subprocess
import sys

PROGRAM = """
import os, sys
import structlog
from matcher.settings import configure_logging

configure_logging("info", {as_json})
log = structlog.get_logger("test")
log.info("heard")
sys.stdin.readline()  # the reader of standard error is gone by now
for number in range(3):
    log.warning("not heard", number=number)
print("went on")
sys.stdout.flush()
os._exit(0)
"""


def run(as_json: bool) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(as_json=as_json)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=writing,
    )
    os.close(writing)
    assert b"heard" in os.read(reading, 4096)
    os.close(reading)
    said, _ = process.communicate(b"\n", timeout=60)
    assert said == b"went on\n"
    assert process.returncode == 0


def test_lines_for_people_that_nobody_reads_stop_nothing() -> None:
    run(False)


def test_lines_of_json_that_nobody_reads_stop_nothing() -> None:
    run(True)
