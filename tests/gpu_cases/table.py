"""The GPU cases, a line each: what is true, what weft says, what torch's own sanitizer says of the first schedule.

python -m tests.gpu_cases.table [--markdown]
"""

from __future__ import annotations

import sys

from .cases import CASES, Case, Score, answer, first_execution, judged, rules_of, score
from .theirs import errors

HEADINGS = ("case", "truth", "weft", "torch", "what")


def main(*, markdown: bool) -> None:
    """Print them all, and what they add up to."""
    shown: list[tuple[str, ...]] = []
    ours: list[tuple[Case, bool]] = []
    theirs: list[tuple[Case, bool]] = []
    for case in CASES:
        if case.needs:
            shown.append((f"{case.number}{case.letter}", case.truth, f"needs {case.needs}", "-", case.says))
            continue
        result = answer(case)
        rules = rules_of(result)
        said = ",".join(sorted(rules)) or result.verdict
        count = errors(first_execution(case))
        ours.append((case, any(rule.startswith("G") for rule in rules)))
        theirs.append((case, count > 0))
        said = f"{said} (wrong)" if judged(case, result) else said
        word = ("race" if count else "ok") + (" (wrong)" if bool(count) != case.wrong else "")
        shown.append((f"{case.number}{case.letter}", case.truth, said, word, case.says))
    _print(shown, markdown=markdown)
    print()
    for name, total in (("weft", score(ours)), ("torch's sanitizer", score(theirs))):
        print(f"{name}, {len(ours)} cases: {_words(total)}")


def _words(total: Score) -> str:
    return str(total)


def _print(shown: list[tuple[str, ...]], *, markdown: bool) -> None:
    if markdown:
        for line in (HEADINGS, tuple("---" for _ in HEADINGS), *shown):
            print("|", " | ".join(line), "|")
        return
    widths = [max(len(line[column]) for line in (HEADINGS, *shown)) for column in range(len(HEADINGS) - 1)]
    for line in (HEADINGS, *shown):
        print("  ".join([*(part.ljust(width) for part, width in zip(line, widths, strict=False)), line[-1]]))


if __name__ == "__main__":
    main(markdown="--markdown" in sys.argv[1:])
