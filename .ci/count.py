"""One plain line from a report that pytest wrote (``--junitxml``): N passed, N failed[, N skipped].

Exit code 1 if a test failed, or none passed.
"""

import sys
from xml.etree import ElementTree


def counts(report: str) -> tuple[int, int, int]:
    """Tests that passed, failed (errors in what they stand on too) and were skipped, over all suites of a report."""
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    tests, failures, errors, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    )
    return tests - failures - errors - skipped, failures + errors, skipped


if __name__ == "__main__":
    passed, failed, skipped = counts(sys.argv[1])
    sys.stdout.write(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "") + "\n")
    sys.exit(int(failed > 0 or passed == 0))
