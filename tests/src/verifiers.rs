//! Signatures as receivers verify them: by the stock libraries of Python, JavaScript and Rust.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::process;
use crate::receiver::Received;

const PYTHON: &str = r#"
import json, sys
from standardwebhooks import Webhook as Standard
from svix.webhooks import Webhook as Svix

def good(library, case):
    try:
        library(case["secret"]).verify(case["body"], case["headers"])
        return True
    except Exception:
        return False

libraries = (Standard, Svix)
print(json.dumps([[good(library, case) for library in libraries] for case in json.load(sys.stdin)]))
"#;

const JAVASCRIPT: &str = r#"
const { Webhook: Standard } = require("standardwebhooks");
const { Webhook: Svix } = require("svix");
const good = (Library, { secret, headers, body }) => {
  try { new Library(secret).verify(body, headers); return true; } catch { return false; }
};
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const judged = cases.map((one) => [Standard, Svix].map((library) => good(library, one)));
console.log(JSON.stringify(judged));
"#;

/// By which keys of a published set a callback is signed.
const KEY_SET: &str = r#"
import base64, json, sys
from cryptography.exceptions import InvalidSignature
from joserfc.jwk import KeySet

case = json.load(sys.stdin)
headers = case["headers"]
message = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.{case["body"]}'.encode()
parts = headers["webhook-signature"].split(" ")
signatures = [base64.b64decode(part[4:]) for part in parts if part.startswith("v1a,")]

def signed(key, signature):
    try:
        key.public_key.verify(signature, message)
        return True
    except InvalidSignature:
        return False

keys = KeySet.import_key_set(case["jwks"]).keys
for key in keys:
    assert key.kid == key.thumbprint(), key.kid
print(json.dumps([key.kid for key in keys if any(signed(key, one) for one in signatures)]))
"#;

/// Whether a receiver that knows this one secret takes the callback. All libraries must agree.
pub fn takes(secret: &str, received: &Received) -> bool {
    let case = case(received, json!({ "secret": secret }));
    let cases = json!([case]);
    let mut verdicts = verdicts(&python(PYTHON, &cases));
    verdicts.extend(self::verdicts(&javascript(&cases)));
    let ours = standardwebhooks::Webhook::new(secret).expect("a secret that can sign");
    verdicts.push(ours.verify(&received.body, &received.headers).is_ok());
    let first = verdicts[0];
    assert!(
        verdicts.iter().all(|verdict| *verdict == first),
        "the libraries differ: {verdicts:?}"
    );
    first
}

/// The `kid` of every key of this set that signed the callback.
pub fn signing_keys(jwks: &Value, received: &Received) -> Vec<String> {
    let told = python(KEY_SET, &case(received, json!({ "jwks": jwks })));
    serde_json::from_value(told).expect("a list of ids")
}

fn case(received: &Received, mut case: Value) -> Value {
    let headers = received.headers.iter().map(|(name, value)| {
        let value = value.to_str().expect("a header that is text");
        (name.to_string(), Value::from(value))
    });
    case["headers"] = headers.collect::<serde_json::Map<_, _>>().into();
    case["body"] = String::from_utf8(received.body.to_vec())
        .expect("a body that is text")
        .into();
    case
}

fn verdicts(told: &Value) -> Vec<bool> {
    serde_json::from_value(told[0].clone()).expect("a list of verdicts")
}

fn python(script: &str, input: &Value) -> Value {
    let mut command = Command::new(process::python());
    told(command.args(["-c", script]), input)
}

fn javascript(input: &Value) -> Value {
    let mut command = Command::new("node");
    command
        .args(["-e", JAVASCRIPT])
        .env("NODE_PATH", process::node_modules());
    told(&mut command, input)
}

fn told(command: &mut Command, input: &Value) -> Value {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("the interpreter starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin
        .write_all(input.to_string().as_bytes())
        .expect("the script reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "the script failed");
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}
