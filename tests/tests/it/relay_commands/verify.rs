//! `fluxgate verify`: which part of a callback is wrong.

use fluxgate_tests::receiver::Received;
use fluxgate_tests::{Gateway, LiveReceiver, process};

use super::{Bed, field};
use crate::command::said;

/// Runs `verify` on a callback, with these flags in place of what the callback says.
fn verified(received: &Received, flags: &[&str], instead: &[(&str, &str)]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("body.json");
    let replaced = |name: &str| instead.iter().find(|(known, _)| *known == name);
    let body =
        replaced("body").map_or(received.body.to_vec(), |(_, body)| body.as_bytes().to_vec());
    std::fs::write(&path, body).unwrap();
    let header = |name: &'static str| {
        let there = received.header(name);
        replaced(name).map_or(there, |(_, value)| value).to_owned()
    };
    let (id, timestamp, signature) = (
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
    );
    let args = [
        "verify",
        path.to_str().unwrap(),
        "--id",
        &id,
        "--timestamp",
        &timestamp,
        "--signature",
        &signature,
    ];
    let output = process::run(&[&args[..], flags].concat());
    let text = String::from_utf8(output.stdout.clone()).unwrap() + &said(&output);
    (output.status.success(), text)
}

/// A callback that its endpoint signs in both ways, while its secret is rotated.
struct Signed {
    callback: Received,
    secret: String,
    new_secret: String,
    /// The file of the endpoint's published keys, in a folder that goes with this.
    keys: String,
    _folder: tempfile::TempDir,
}

impl Signed {
    async fn received() -> Self {
        let bed = Bed::start().await;
        let (id, secret) = bed.created(&["--signatures", "v1,v1a"]).await;
        let rotated = bed.told(&["endpoints", "rotate-secret", &id]).await;
        bed.told(&["trigger", "task.completed"]).await;
        let callback = bed.receiver.received().pop().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys.json");
        let published = callback.header("fluxgate-webhook-jwks");
        let set = bed.gateway.http().get(published).send().await.unwrap();
        std::fs::write(&keys, set.bytes().await.unwrap()).unwrap();
        Self {
            callback,
            secret,
            new_secret: field(&rotated, "secret"),
            keys: keys.to_str().unwrap().to_owned(),
            _folder: folder,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_accepts_each_of_a_callback_s_signatures() {
    let signed = Signed::received().await;

    for (flags, wanted) in [
        (
            ["--secret", &signed.secret],
            "signature  ok: v1 by the secret",
        ),
        (
            ["--secret", &signed.new_secret],
            "signature  ok: v1 by the secret",
        ),
        (["--jwks", &signed.keys], "signature  ok: v1a by the key"),
    ] {
        let (good, text) = verified(&signed.callback, &flags, &[]);
        assert!(good && text.contains(wanted), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_says_which_part_of_a_callback_is_wrong() {
    let signed = Signed::received().await;
    let body = String::from_utf8(signed.callback.body.to_vec()).unwrap();
    let (edited, with_newline) = (body.replace("completed", "failed"), format!("{body}\n"));
    let (known, keys) = (
        ["--secret", signed.secret.as_str()],
        ["--jwks", &signed.keys],
    );
    let unlike = ["--secret", "whsec_no base64"];
    let another = ["--secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];
    let said = |part, value| (part, value);

    for (flags, (replaced, by), wanted) in [
        (
            &known,
            said("body", edited.as_str()),
            "signature: every byte as it came",
        ),
        (
            &known,
            said("body", &with_newline),
            "signature: without its last line end",
        ),
        (
            &known,
            said("webhook-id", "evt_1"),
            "id: it is not 'evt_' and an id",
        ),
        (
            &known,
            said("webhook-timestamp", "noon"),
            "timestamp: not a number",
        ),
        (
            &known,
            said("webhook-timestamp", "1600000000"),
            "timestamp: s ago, and 300 s are tolerated",
        ),
        (
            &known,
            said("webhook-signature", "v9,abc"),
            "signature: no part like",
        ),
        (&unlike, said("", ""), "secret: 24 to 64 bytes in base64"),
        (
            &another,
            said("", ""),
            "signature: by none of the one secret given",
        ),
        (
            &keys,
            said("body", "{}"),
            "signature: by none of the one key given",
        ),
    ] {
        let (good, text) = verified(&signed.callback, flags, &[(replaced, by)]);
        let (part, wanted) = wanted.split_once(": ").unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with(part))
            .unwrap_or_default();
        let found = line.contains("wrong: ") && line.contains(wanted);
        assert!(!good && found, "{replaced}: {text}");
        assert!(!text.contains(&signed.secret), "{text}");
    }
}

#[tokio::test]
async fn verify_knows_the_provider_s_dialect_too() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let secret = tenant
        .get("/api/v3/webhook/secret")
        .await
        .text("/data/secret");
    let mut inputs = tenant.inputs().await;
    inputs["webhook_url"] = receiver.url("drop-in").into();
    let task = tenant.submit(&inputs).await;
    let callback = receiver.about(&task, 1).await.remove(0);

    let (good, text) = verified(&callback, &["--secret", &secret], &[]);

    assert!(good && text.contains("v3 by the secret"), "{text}");
}
