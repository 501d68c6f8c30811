"""nft's JSON put into the words that `nft list` prints: one grammar for the tracer."""

from __future__ import annotations

from typing import Any

Json = Any  # what json.loads gives
_OPERATORS = ("|", "&", "^", "<<", ">>")


def statements(exprs: list[dict[str, Json]]) -> str:
    """The statements of one rule."""
    return " ".join(_statement(kind, body) for expr in exprs for kind, body in expr.items())


def element(elem: object) -> str:
    """An element of a set, or `key : value` of a map."""
    if isinstance(elem, list) and len(elem) == 2:
        return f"{words(elem[0])} : {words(elem[1])}"
    return words(elem)


def words(expr: Json) -> str:
    """An expression."""
    if not isinstance(expr, dict):
        return ",".join(map(words, expr)) if isinstance(expr, list) else str(expr)
    (kind, body), *_ = expr.items()
    if kind in _OPERATORS:
        return f" {kind} ".join(f"0x{part:08x}" if isinstance(part, int) else words(part) for part in body)
    return _EXPRESSIONS[kind](body) if kind in _EXPRESSIONS else _statement(kind, body)


def _elem(body: Json) -> str:
    text = words(body["val"])
    if "expires" in body:
        text += f" expires {body['expires']}s"
    if "comment" in body:
        text += f' comment "{body["comment"]}"'
    return text


def _fib(body: Json) -> str:
    flags = body["flags"] if isinstance(body["flags"], list) else [body["flags"]]
    return f"fib {' . '.join(flags)} {body['result']}"


_EXPRESSIONS: dict[str, Json] = {
    "concat": lambda b: " . ".join(map(words, b)),
    "set": lambda b: "{ " + ", ".join(map(element, b if isinstance(b, list) else [b])) + " }",
    "prefix": lambda b: f"{b['addr']}/{b['len']}",
    "range": lambda b: f"{b[0]}-{b[1]}",
    "elem": _elem,
    "payload": lambda b: f"{b.get('protocol', '@')} {b.get('field', '')}",
    "meta": lambda b: f"meta {b['key']}",
    "ct": lambda b: f"ct {b['key']}",
    "fib": _fib,
    "numgen": lambda b: f"numgen {b['mode']} mod {b['mod']}",
    "map": lambda b: f"{words(b['key'])} map {words(b['data'])}",
}


def _match(body: Json) -> str:
    operator = "" if body["op"] in ("==", "in") else f"{body['op']} "
    right = body["right"]
    if isinstance(right, list):
        right = ",".join(map(words, right))
    return f"{words(body['left'])} {operator}{words(right)}"


def _nat(kind: str, body: Json) -> str:
    body = body or {}
    address = words(body["addr"]) if "addr" in body else ""
    family = "ip " if isinstance(body.get("addr"), dict) else ""
    if "port" in body:
        address = f"[{address}]:{words(body['port'])}" if ":" in address else f"{address}:{words(body['port'])}"
    return f"{kind} {family}to {address}" if address else kind


_STATEMENTS: dict[str, Json] = {
    "match": _match,
    "vmap": lambda b: f"{words(b['key'])} vmap {words(b['data'])}",
    "mangle": lambda b: f"{words(b['key'])} set {words(b['value'])}",
    "set": lambda b: f"{b['op']} {b['set']} {{ {words(b['elem'])} }}",
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
