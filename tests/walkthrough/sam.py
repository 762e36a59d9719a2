"""`sam deploy` up to the point where it would call AWS: its own reading of options, configuration and parameters, its own refusals,
and those of CloudFormation for parameters. Then the test deploys."""

import json
import os
import pathlib
import re
import sys
import urllib.request

os.environ.update(SAM_CLI_TELEMETRY="0", HTTPS_PROXY="http://127.0.0.1:9", NO_PROXY="127.0.0.1")

from samcli.commands.deploy import command  # noqa: E402
from samcli.yamlhelper import yaml_parse  # noqa: E402


def refuse(text):
    sys.exit(f"sam: {text}")


def deploy(template_file, stack_name, parameter_overrides, capabilities, region, **_):
    region = region or os.environ.get("AWS_DEFAULT_REGION") or refuse("no region; SAM does not read AWS_REGION")
    if region != os.environ["WALK_REGION"]:
        refuse(f"the stack would be deployed to {region}, and the secrets are in {os.environ['WALK_REGION']}")
    if "CAPABILITY_IAM" not in capabilities:
        refuse("Requires capabilities : [CAPABILITY_IAM]")
    template = pathlib.Path(template_file)
    content = yaml_parse(template.read_text())
    for name, resource in content["Resources"].items():
        code = resource["Properties"].get("CodeUri")
        if code and not (template.parent / code / "bootstrap").is_file():
            refuse(f"Parameter CodeUri of resource {name} refers to a file or folder that does not exist {code}")
    for name, value in parameter_overrides.items():
        check(name, value, content["Parameters"].get(name) or refuse(f"Parameters: [{name}] do not exist in the template"))
    make_bucket(region)
    body = json.dumps({"stack": stack_name, "parameters": parameter_overrides}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{os.environ['WALK_CONTROL']}/deploy", data=body, method="POST")).read()
    print(f"Successfully created/updated stack - {stack_name} in {region}")


def check(name, value, parameter):
    if not re.search(parameter.get("AllowedPattern", ""), value):
        refuse(f"Parameter {name} failed to satisfy constraint: {parameter.get('ConstraintDescription')}")
    if parameter["Type"] == "Number":
        number = float(value)
        if not parameter.get("MinValue", number) <= number <= parameter.get("MaxValue", number):
            refuse(f"Parameter {name} failed to satisfy constraint: {parameter.get('ConstraintDescription')}")
    if value not in map(str, parameter.get("AllowedValues", [value])):
        refuse(f"Parameter {name} failed to satisfy constraint: {parameter.get('ConstraintDescription')}")


def make_bucket(region):
    """What `resolve_s3` makes on the first deploy."""
    import boto3

    cloudformation = boto3.client("cloudformation", region_name=region, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    body = json.dumps({"Resources": {"SamCliSourceBucket": {"Type": "AWS::S3::Bucket"}}})
    try:
        cloudformation.create_stack(StackName="aws-sam-cli-managed-default", TemplateBody=body)
    except cloudformation.exceptions.AlreadyExistsException:
        pass


def call(*arguments, **named):
    import inspect

    bound = REAL.bind(*arguments, **named)
    deploy(**bound.arguments)


import inspect  # noqa: E402

REAL = inspect.signature(command.do_cli)
command.do_cli = call
from samcli.cli.main import cli  # noqa: E402

if sys.argv[1:2] != ["deploy"]:
    refuse(f"the guides call 'sam deploy' alone, not: {sys.argv[1:]}")
cli(prog_name="sam")
