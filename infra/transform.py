#!/usr/bin/env python3
"""Prints template.yaml as plain CloudFormation, in JSON: what AWS's SAM transform would make of it, without asking AWS.

    infra/transform.py [--bucket NAME] [--prefix KEY] [--parameter NAME=VALUE] [--without TYPE_OR_NAME] [--resolve-numbers]

For tests that create the stack elsewhere; infra/README.md says what ministack needs left out. Code is expected at
s3://BUCKET/PREFIX/<function>.zip; nothing is uploaded. Runs in the environment that `infra/lint --environment` prints.
"""

import argparse
import json
import os
import pathlib
import sys

TEMPLATE = pathlib.Path(__file__).parent / "template.yaml"


def main():
    chosen = arguments()
    template = read(TEMPLATE)
    set_defaults(template["Parameters"], dict(pair.split("=", 1) for pair in chosen.parameter))
    locate_code(template["Resources"], chosen.bucket, chosen.prefix)
    plain = translate(template)
    leave_out(plain, set(chosen.without))
    if chosen.resolve_numbers:
        plain = resolve_numbers(plain)
    json.dump(plain, sys.stdout, separators=(",", ":"))
    print()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bucket", default="artifacts", help="the bucket that code lies in (default: %(default)s)")
    parser.add_argument("--prefix", default="fluxgate", help="the folder of that bucket (default: %(default)s)")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="another default")
    parser.add_argument("--without", action="append", default=[], metavar="TYPE_OR_NAME", help="leave out these resources")
    parser.add_argument("--resolve-numbers", action="store_true", help="write numbers in place of Number parameters")
    return parser.parse_args()


def read(path):
    from samtranslator.yaml_helper import yaml_parse

    return yaml_parse(path.read_text())


def set_defaults(parameters, values):
    for name, value in values.items():
        if name not in parameters:
            sys.exit(f"transform: the template has no parameter '{name}'")
        parameters[name]["Default"] = value


def locate_code(resources, bucket, prefix):
    """SAM takes code from S3 only; `sam deploy` uploads the folders and writes such places itself."""
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::Function":
            folder = pathlib.PurePosixPath(resource["Properties"]["CodeUri"])
            resource["Properties"]["CodeUri"] = f"s3://{bucket}/{prefix}/{folder.name}.zip"


def translate(template):
    # Without a region the translator would look for one in the user's AWS settings.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    # No map of managed policies: every role is written out.
    return Translator({}, Parser()).translate(template, {})


def leave_out(template, types_or_names):
    """Drops resources with the outputs that tell of them; refuses what another resource still needs."""
    resources = template["Resources"]
    left = {name for name, resource in resources.items() if types_or_names & {name, resource["Type"]}}
    template["Resources"] = {name: it for name, it in resources.items() if name not in left}
    template["Outputs"] = {name: it for name, it in template["Outputs"].items() if not refers(it, left)}
    for name, resource in template["Resources"].items():
        if refers(resource, left):
            sys.exit(f"transform: '{name}' refers to a resource that was left out")


def refers(node, names):
    """Whether anything below `node` names one of the resources by Ref, GetAtt or Sub."""
    if isinstance(node, list):
        return any(refers(child, names) for child in node)
    if not isinstance(node, dict):
        return False
    if node.get("Ref") in names:
        return True
    attribute = node.get("Fn::GetAtt", [None])
    if (attribute.split(".") if isinstance(attribute, str) else attribute)[0] in names:
        return True
    text = node.get("Fn::Sub", "")
    text = text[0] if isinstance(text, list) else text
    if any(f"${{{name}}}" in text or f"${{{name}." in text for name in names):
        return True
    return any(refers(child, names) for child in node.values())


def resolve_numbers(template):
    """Afterwards the stack has no Number parameters, so that setting one is an error and not ignored."""
    parameters = template["Parameters"]
    numbers = {name: int(it["Default"]) for name, it in parameters.items() if it["Type"] == "Number"}
    template["Parameters"] = {name: it for name, it in parameters.items() if name not in numbers}
    return {key: resolved(part, numbers) for key, part in template.items()}


def resolved(node, numbers):
    if isinstance(node, list):
        return [resolved(child, numbers) for child in node]
    if not isinstance(node, dict):
        return node
    if node.get("Ref") in numbers:
        return numbers[node["Ref"]]
    return {key: resolved(child, numbers) for key, child in node.items()}


if __name__ == "__main__":
    main()
