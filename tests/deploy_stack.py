#!/usr/bin/env python3
"""Deploys infra/template.yaml as a stack to an AWS that is none, and prints what the functions were given, as JSON.

    deploy_stack.py ENDPOINT NAME=VALUE…     parameters of the template

The functions' code is a placeholder: whoever deploys runs the binaries. So the event source mappings are read and taken away
again, before anybody else takes messages.
"""

import io
import json
import pathlib
import subprocess
import sys
import zipfile

import boto3

ROOT = pathlib.Path(__file__).parent.parent
STACK = "fluxgate"
ALIAS = "live"
FUNCTIONS = ["gateway", "receiver", "poller", "archiver", "notifier", "sweeper", "admin"]
# ministack refuses alarms over several metrics, and does not know saved queries.
WITHOUT = ["AWS::CloudWatch::Alarm", "AWS::Logs::QueryDefinition"]


def main():
    endpoint, parameters = sys.argv[1], sys.argv[2:]
    aws = lambda service: boto3.client(
        service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    url = upload(aws("s3"), endpoint, transformed(parameters))
    cloudformation = aws("cloudformation")
    deploy(cloudformation, {"StackName": STACK, "TemplateURL": url, "Capabilities": ["CAPABILITY_IAM"]})
    functions, iam = aws("lambda"), aws("iam")
    print(json.dumps({"functions": {name: function(functions, iam, name) for name in FUNCTIONS}}))


def deploy(cloudformation, stack):
    """Once more is an update, as `sam deploy` makes it."""
    try:
        cloudformation.create_stack(**stack)
        done = cloudformation.get_waiter("stack_create_complete")
    except cloudformation.exceptions.AlreadyExistsException:
        cloudformation.update_stack(**stack)
        done = cloudformation.get_waiter("stack_update_complete")
    done.wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def transformed(parameters):
    command = [sys.executable, ROOT / "infra/transform.py", "--resolve-numbers", "--parameter", "Architecture=x86_64"]
    command += [part for name in WITHOUT for part in ("--without", name)]
    command += [part for pair in parameters for part in ("--parameter", pair)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def upload(s3, endpoint, template):
    s3.create_bucket(Bucket="artifacts")  # again is no error in us-east-1
    for name in FUNCTIONS:
        s3.put_object(Bucket="artifacts", Key=f"fluxgate/{name}.zip", Body=placeholder())
    # With a comment it is YAML, as SAM's are, and `aws cloudformation get-template` gives it back as it is.
    s3.put_object(Bucket="artifacts", Key="template.yaml", Body=b"# Made by infra/transform.py\n" + template)
    return f"{endpoint}/artifacts/template.yaml"


def placeholder():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("bootstrap", "#!/bin/sh\nexit 1\n")
    return archive.getvalue()


def policies(iam, role):
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]


def function(functions, iam, name):
    full = f"{STACK}-{name}"
    # As everybody calls it: by the alias, with what its version was published with.
    configuration = functions.get_function_configuration(FunctionName=full, Qualifier=ALIAS)
    sources = functions.list_event_source_mappings(FunctionName=f"{full}:{ALIAS}")["EventSourceMappings"]
    for source in sources:
        functions.delete_event_source_mapping(UUID=source["UUID"])
    return {
        # What a parameter of type Number becomes on AWS, too.
        "environment": {name: str(value) for name, value in configuration["Environment"]["Variables"].items()},
        "timeout_s": configuration["Timeout"],
        "memory_mb": configuration["MemorySize"],
        "policies": policies(iam, configuration["Role"].rsplit("/", 1)[-1]),
        "log_group": configuration["LoggingConfig"]["LogGroup"],
        "queues": [
            {
                "arn": it["EventSourceArn"],
                "batch_size": it["BatchSize"],
                "window_s": it.get("MaximumBatchingWindowInSeconds", 0),
                "responses": it.get("FunctionResponseTypes", []),
            }
            for it in sources
        ],
    }


if __name__ == "__main__":
    main()
