"""Write the pages anew: those made from the code, and the outputs shown in all, or in those that are named."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs.made import MADE
from tests.docs.pages import PAGES, ROOT
from tests.docs.runner import Place, rewritten

for made, make in MADE.items():
    (ROOT / made).write_text(make(), encoding="utf-8")
for page in [Path(word).resolve() for word in sys.argv[1:]] or PAGES:
    with tempfile.TemporaryDirectory() as base:
        old = page.read_text(encoding="utf-8")
        if (new := rewritten(old, Place(Path(base)))) != old:
            page.write_text(new, encoding="utf-8")
            sys.stdout.write(f"{page.relative_to(ROOT)}\n")
