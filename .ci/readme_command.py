"""Prints one of README's two commands, as printed there: `run` or `tests`."""

import pathlib
import re
import sys

text = (pathlib.Path(__file__).parents[1] / "README.md").read_text()
blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)[:2]
print(blocks[("run", "tests").index(sys.argv[1])].strip())
