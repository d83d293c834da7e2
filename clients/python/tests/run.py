"""Runs all tests against a system of its own: python3 tests/run.py PROGRAM, where PROGRAM is the built all-in-one."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path


def free_port():
    with socket.socket() as s:
        s.bind(("localhost", 0))
        return s.getsockname()[1]


def main(program):
    root = Path(__file__).parents[1]
    sys.path.insert(0, str(root))
    with tempfile.TemporaryDirectory() as data:
        settings = {"PORT": str(free_port()), "CONCHA_DATA_DIR": data, "CONCHA_LOG_LEVEL": "warn"}
        system = subprocess.Popen([program], env=settings, stdout=subprocess.PIPE, text=True)
        try:
            line = system.stdout.readline()
            found = re.match(r"The API is at ([^,\s]+)", line)
            if not found:
                sys.exit(f"the system does not start: {line!r}")
            os.environ["CONCHA_URL"] = found[1]
            suite = unittest.defaultTestLoader.discover(str(root / "tests"), top_level_dir=str(root))
            passed = unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful()
        finally:
            system.terminate()
            code = system.wait(timeout=15)
    sys.exit(0 if passed and code == 0 else 1)


main(sys.argv[1])
