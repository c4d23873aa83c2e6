"""The size limits that ruff does not hold: modules of at most 400 lines, functions of at most 50."""

import ast
import sys
from pathlib import Path

MODULE_LINES, FUNCTION_LINES = 400, 50
ROOMS = ("profiles", "workitems", "ai_engines", "sole_logging", "actors", "conformance", "connectathon", "stepwell")


def too_long(path: Path) -> list[str]:
    """What in one module is over a limit."""
    text = path.read_text(encoding="utf-8")
    found = []
    if (lines := text.count("\n")) > MODULE_LINES:
        found.append(f"{path}:1: the module has {lines} lines, at most {MODULE_LINES} are allowed")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(
                    f"{path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES} are allowed"
                )
    return found


def main() -> int:
    """Print every breach; 1 when there is one."""
    root = Path(__file__).parent.parent
    found = [line for room in ROOMS for path in sorted((root / room).rglob("*.py")) for line in too_long(path)]
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
