"""What no document can say, for schemathesis."""

import json

import schemathesis

# Opaque: only an earlier answer gives one.
CURSORS = {"cursor", "after"}


@schemathesis.hook
def before_call(context, case, kwargs):
    if hasattr(case.query, "pop"):
        for name in CURSORS & set(case.query):
            case.query.pop(name)
    if isinstance(case.body, (dict, list)):
        case.body = written_whole(case.body)


def written_whole(value):
    """JSON Schema takes 40.0 for an integer; Fluxgate's readers want it written as 40."""
    if isinstance(value, dict):
        return {name: written_whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [written_whole(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@schemathesis.serializer("application/jsonl")
def json_lines(context, value):
    return (json.dumps(value) + "\n").encode()
