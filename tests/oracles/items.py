"""What schemathesis looks at beside its own checks: a batch answers 200 whatever its items are, so each of them is held against the schema
of an item, and against the codes with which the document refuses one that comes alone."""

import json
import urllib.request
from functools import cache

import jsonschema_rs
import schemathesis

# The operation of a batch: its item, the operations that take one by itself, and with which codes only an item is refused: a postback about
# nobody's program is answered like one with a wrong signature, and one that is no object is not JSON of a postback.
BATCHES = {
    "create_conversions": ("Postback", ["postback"], {"unknown_program", "invalid_type"}),
    "create_verdicts": ("GivenVerdict", ["approve_conversion", "reject_conversion", "adjust_conversion"], set()),
}


@cache
def document(base):
    with urllib.request.urlopen(base + "/openapi.json") as answer:
        return json.load(answer)


def codes(value):
    """Every code that an operation or field may be refused with."""
    if isinstance(value, dict):
        yield from value.get("x-codes", [])
        for inner in value.values():
            yield from codes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from codes(inner)


@cache
def item_of(base, name):
    """Whether a value is an item by the schema, and the codes of those that are refused."""
    schema, alone, more = BATCHES[name]
    said = document(base)
    validator = jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{schema}", "components": said["components"]})
    operations = [operation for methods in said["paths"].values() for operation in methods.values() if operation["operationId"] in alone]
    return validator, more | {code for operation in operations for code in codes(operation["responses"])}


@schemathesis.check
def items_are_judged(ctx, response, case):
    """One by one, in their order: none that the schema forbids is taken, and each refusal is one of the document's."""
    name = case.operation.definition.raw["operationId"]
    if name not in BATCHES or response.status_code != 200:
        return
    items, results = json.loads(response.request.body), response.json()["results"]
    assert isinstance(items, list), f"taken as a batch: {items!r}"
    assert len(items) == len(results), f"{len(items)} items, {len(results)} results"
    validator, known = item_of(case.operation.schema.get_base_url().split("/api/")[0].rstrip("/"), name)
    for item, result in zip(items, results):
        refused = result["http"] >= 400
        assert refused == (result["status"] == "refused"), result
        assert refused or validator.is_valid(item), f"taken, and no item: {item!r}"
        assert not refused or result["code"] in known, f"refused with {result['code']}, which no single one is: {item!r}"
