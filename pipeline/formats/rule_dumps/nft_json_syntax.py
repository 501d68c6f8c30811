"""nft's JSON turned into the syntax that `nft list` prints, so that the tracer reads one grammar only."""

from __future__ import annotations

from typing import Any

Json = Any  # a value from json.loads
_OPERATORS = ("|", "&", "^", "<<", ">>")


def rule_text(exprs: list[dict[str, Json]]) -> str:
    """Return the statements of a rule."""
    return " ".join(_statement(kind, body) for expr in exprs for kind, body in expr.items())


def element_text(element: object) -> str:
    """Return an element of a set, or `key : value` of a map."""
    if isinstance(element, list) and len(element) == 2:
        return f"{_expression(element[0])} : {_expression(element[1])}"
    return _expression(element)


def _expression(expr: Json) -> str:
    if not isinstance(expr, dict):
        return ",".join(map(_expression, expr)) if isinstance(expr, list) else str(expr)
    (kind, body), *_ = expr.items()
    if kind in _OPERATORS:
        return f" {kind} ".join(f"0x{part:08x}" if isinstance(part, int) else _expression(part) for part in body)
    return _EXPRESSIONS[kind](body) if kind in _EXPRESSIONS else _statement(kind, body)


def _element(body: Json) -> str:
    text = _expression(body["val"])
    if "expires" in body:
        text += f" expires {body['expires']}s"
    if "comment" in body:
        text += f' comment "{body["comment"]}"'
    return text


def _fib(body: Json) -> str:
    flags = body["flags"] if isinstance(body["flags"], list) else [body["flags"]]
    return f"fib {' . '.join(flags)} {body['result']}"


_EXPRESSIONS: dict[str, Json] = {
    "concat": lambda b: " . ".join(map(_expression, b)),
    "set": lambda b: "{ " + ", ".join(map(element_text, b if isinstance(b, list) else [b])) + " }",
    "prefix": lambda b: f"{b['addr']}/{b['len']}",
    "range": lambda b: f"{b[0]}-{b[1]}",
    "elem": _element,
    "payload": lambda b: f"{b.get('protocol', '@')} {b.get('field', '')}",
    "meta": lambda b: f"meta {b['key']}",
    "ct": lambda b: f"ct {b['key']}",
    "fib": _fib,
    "numgen": lambda b: f"numgen {b['mode']} mod {b['mod']}",
    "map": lambda b: f"{_expression(b['key'])} map {_expression(b['data'])}",
}


def _match(body: Json) -> str:
    operator = "" if body["op"] in ("==", "in") else f"{body['op']} "
    return f"{_expression(body['left'])} {operator}{_expression(body['right'])}"


def _nat(kind: str, body: Json) -> str:
    body = body or {}
    address = _expression(body["addr"]) if "addr" in body else ""
    family = "ip " if isinstance(body.get("addr"), dict) else ""
    if "port" in body:
        address = (
            f"[{address}]:{_expression(body['port'])}" if ":" in address else f"{address}:{_expression(body['port'])}"
        )
    return f"{kind} {family}to {address}" if address else kind


_STATEMENTS: dict[str, Json] = {
    "match": _match,
    "vmap": lambda b: f"{_expression(b['key'])} vmap {_expression(b['data'])}",
    "mangle": lambda b: f"{_expression(b['key'])} set {_expression(b['value'])}",
    "set": lambda b: f"{b['op']} {b['set']} {{ {_expression(b['elem'])} }}",
    "jump": lambda b: f"jump {b['target']}",
    "goto": lambda b: f"goto {b['target']}",
    "counter": lambda b: f"counter packets {b['packets']} bytes {b['bytes']}" if isinstance(b, dict) else "counter",
    "xt": lambda b: f'xt {b["type"]} "{b["name"]}"' if isinstance(b, dict) else "xt match",
    "masquerade": lambda _: "masquerade",
}


def _statement(kind: str, body: Json) -> str:
    if kind in ("dnat", "snat", "redirect"):
        return _nat(kind, body)
    if kind in _STATEMENTS:
        return str(_STATEMENTS[kind](body))
    return kind
