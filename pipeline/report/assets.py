"""Style, scripts and figures of the page, and the Content-Security-Policy that allows only these."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

from pipeline import resources
from pipeline.report.chart_style import COMMON_LAYOUT
from pipeline.report.templates import versions
from pipeline.schema.labels import DECLARED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.report.chart_style import Figure

PLOTLY = "plotly-cartesian-{version}.min.js"


def assets(figures: Mapping[str, Figure]) -> dict[str, str]:
    """Return what the page embeds, by the name of the template's variable; `figures` are the charts by name."""
    folder = resources.folder("reports") / "assets"
    names = "style.css", PLOTLY.format(version=versions()["plotly.js"]), "page.js"
    style, library, script = ((folder / name).read_text(encoding="utf-8") for name in names)
    style += f":root {{ {' '.join(f'--label-{name}: {label.colour};' for name, label in DECLARED.items())} }}\n"
    data = json.dumps({"layout": COMMON_LAYOUT, "figures": figures}, ensure_ascii=False, separators=(",", ":"))
    return {
        "style": style,
        "library": library,
        "script": script,
        "policy": _policy(style, library, script),
        "figures": data.replace("<", "\\u003c"),  # `</script>` in a name would end the script
    }


def _policy(style: str, library: str, script: str) -> str:
    # plotly.js creates an empty style element and adds rules one by one: the hash of the empty text allows it.
    return (
        f"default-src 'none'; script-src {_hash(library)} {_hash(script)}; style-src {_hash(style)} {_hash('')}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
