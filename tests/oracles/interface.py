"""The interface by its document alone: a validator accepts it, a client that knows nothing else does the main job, and schemathesis,
which tries what the document allows and what it forbids, finds no failure of the server and no answer that is not declared."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from network import BROWSER, Server

# Every check of schemathesis; `-n` bounds the examples of an operation, so that the whole takes two minutes on two cores.
EXAMPLES = 25
SEED = 20261126


class Client:
    """Written from /openapi.json: operations are called by name, bodies begin as the document's examples."""

    def __init__(self, server):
        self.server = server
        status, _, body = server.request("GET", "/openapi.json")
        assert status == 200, status
        self.document = json.loads(body)
        self.operations = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        }

    def resolve(self, value):
        while "$ref" in value:
            target = self.document
            for name in value["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            value = target
        return value

    def example(self, name, **changes):
        """The body that the document shows, with these fields; None takes one away."""
        content = self.operations[name][2]["requestBody"]["content"]["application/json"]
        body = json.loads(json.dumps(content["example"])) | changes
        return {field: value for field, value in body.items() if value is not None}

    def call(self, name, body=None, headers=None, raw=None, **parameters):
        """Calls an operation; gives its status, headers and JSON. Its answer must be one that the document declares."""
        method, path, operation = self.operations[name]
        headers = dict(headers or {})
        query = {}
        for parameter in map(self.resolve, operation.get("parameters", [])):
            value = parameters.pop(parameter["name"], None)
            if value is None:
                assert not parameter["required"] or parameter["in"] == "header", f"{name} needs {parameter['name']}"
            elif parameter["in"] == "path":
                path = path.replace("{" + parameter["name"] + "}", value)
            elif parameter["in"] == "query":
                query[parameter["name"]] = value
        assert not parameters, f"{name} does not take {list(parameters)}"
        if operation["security"]:
            headers["Authorization"] = f"Bearer {self.server.key}"
        if body is not None:
            raw = json.dumps(body)
            headers["Content-Type"] = "application/json"
        status, answered, answer = self.server.request(method, path + ("?" + urlencode(query) if query else ""), raw, headers)
        declared = operation["responses"]
        assert str(status) in declared, f"{name} answered {status} {answer}, which is not declared"
        kind = (answered["Content-Type"] or "").split(";")[0]
        contents = self.resolve(declared[str(status)]).get("content", {})
        assert kind in contents or not contents, f"{name} answered {kind}, which is not declared"
        return status, answered, json.loads(answer) if kind.endswith("json") else None

    def create(self, name, body=None, **parameters):
        status, _, made = self.call(name, body, **parameters)
        assert status == 201, f"{name}: {status} {made}"
        return made

    def get(self, name, **parameters):
        status, _, found = self.call(name, **parameters)
        assert status == 200, f"{name}: {status} {found}"
        return found


def main_job(client):
    """A merchant's program, a publisher's link, a visitor, a signed sale, and where its money is. Gives what it made, by kind of id."""
    merchant = client.create("create_merchant", client.example("create_merchant"))["id"]
    secret = client.create("create_secret", {}, id=merchant)
    program = client.create("create_program", client.example("create_program", merchant=merchant))["id"]
    publisher = client.create("create_publisher", client.example("create_publisher", generosity=None))["id"]
    link = client.create("create_link", client.example("create_link", program=program, publisher=publisher))
    status, headers, _ = client.call("follow_link", headers={"User-Agent": BROWSER}, slug=link["slug"])
    assert status == 302, status
    click = parse_qs(urlsplit(headers["Location"]).query)["rclid"][0]

    sale = client.example("postback", program=program, click_id=click)
    text, now = json.dumps(sale), str(int(time.time()))
    key = base64.b64decode(secret["secret"].removeprefix("whsec_"))
    mac = base64.b64encode(hmac.digest(key, f"msg_1.{now}.{text}".encode(), hashlib.sha256)).decode()
    signed = {"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": f"v1,{mac}", "Content-Type": "application/json"}
    status, _, recorded = client.call("postback", headers=signed, raw=text)
    assert (status, recorded["status"]) == (201, "recorded"), recorded
    conversion = recorded["conversion"]
    # 8 % of 80.00 in books and 5 % of 40.00, of which 60 % are the publisher's.
    assert conversion["commission"] == {"amount": "8.40", "currency": "EUR"}, conversion
    receipt = client.get("get_receipt", id=conversion["id"])
    assert receipt["split"]["publisher"]["due"]["amount"] == "5.04", receipt
    balances = client.get("list_balances", owner=publisher)["data"]
    pending = [row["amount"]["amount"] for row in balances if row["account"] == f"publisher:{publisher}:pending"]
    assert pending == ["5.04"], balances
    buyer = client.create("create_buyer", client.example("create_buyer"))["id"]
    message = client.get("list_inbox", limit="1")["data"][0]["id"]
    ids = [merchant, secret["id"], program, publisher, link["id"], conversion["id"], buyer, message]
    return {one.split("_")[0]: one for one in ids} | {"slug": link["slug"]}


def settings(client, made):
    """What schemathesis is told: a key, ids that exist, and where an answer is right though it looks odd."""
    lines = [
        f"seed = {SEED}",
        "[generation]",
        f"max-examples = {EXAMPLES}",
        "allow-x00 = false",
        "deterministic = true",
        "[headers]",
        f'Authorization = "Bearer {client.server.key}"',
        # What no schema can say (ids that exist, shares that add up to 100) is 422 as well.
        "[checks.positive_data_acceptance]",
        'expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "410", "422"]',
        "[checks.negative_data_rejection]",
        'expected-statuses = ["400", "401", "403", "404", "405", "409", "410", "413", "414", "415", "422", "431"]',
    ]
    for name, (_, _, operation) in client.operations.items():
        wanted = {}
        for parameter in map(client.resolve, operation.get("parameters", [])):
            known = re.match(r"\^([a-z]{3})_", client.resolve(parameter["schema"]).get("pattern", ""))
            if parameter["in"] == "path" and known and known[1] in made:
                wanted["path." + parameter["name"]] = made[known[1]]
            if parameter["name"] == "slug":
                wanted["path.slug"] = made["slug"]
        ends = operation["x-roles"] and name.startswith(("end_", "revoke_", "delete_")) if "x-roles" in operation else False
        # Links and pixels redirect and draw whatever they are sent; items of a batch are judged one by one, which `items.py` looks at.
        lenient = name in ("follow_link", "pixel", "create_conversions", "create_verdicts")
        if (wanted and not ends) or lenient:
            lines += ["[[operations]]", f'include-operation-id = "{name}"']
            if wanted and not ends:
                lines += ["parameters = { " + ", ".join(f'"{place}" = "{value}"' for place, value in wanted.items()) + " }"]
            if lenient:
                lines += ["checks.negative_data_rejection.enabled = false"]
    return "\n".join(lines) + "\n"


def schemathesis(server, folder, config):
    with open(f"{folder}/schemathesis.toml", "w", encoding="utf-8") as file:
        file.write(config)
    command = ["schemathesis", "--config-file", f"{folder}/schemathesis.toml", "run", f"http://{server.address}/openapi.json"]
    # One worker: two parse Python at once, on which CPython 3.11 stumbles.
    options = ["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-color", "--warnings", "off", "--workers", "1"]
    ours = {"SCHEMATHESIS_HOOKS": "items", "PYTHONPATH": str(Path(__file__).parent.resolve())}
    return subprocess.run(command + options, cwd=folder, env=os.environ | ours, check=False).returncode == 0


def main():
    results = []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(sys.argv[1], folder)
        client = Client(server)
        with open(f"{folder}/openapi.json", "w", encoding="utf-8") as file:
            json.dump(client.document, file)
        valid = subprocess.run([sys.executable, "-m", "openapi_spec_validator", f"{folder}/openapi.json"], check=False).returncode == 0
        results.append(("an OpenAPI validator accepts the document", valid))
        made = main_job(client)
        results.append(("a client of the document alone does the main job", True))
        results.append(("schemathesis finds nothing", schemathesis(server, folder, settings(client, made))))
        results.append(("the books are whole after all that", subprocess.run([sys.argv[1], "verify"], env=server.env, check=False).returncode == 0))
        results.append(("the server ends in order", server.stop() == 0))
    for name, good in results:
        print(f"{'ok' if good else 'FAILED'}: {name}")
    bad = sum(not good for _, good in results)
    print(f"{len(results) - bad} passed, {bad} failed")
    sys.exit(bad > 0)


main()
