//! Bodies as real clients send them: pictures inside the inputs in every notation, and inputs that
//! are no picture.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, TestTenant};
use serde_json::{Value, json};

/// One pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj";

fn uri(head: &str, body: &str) -> String {
    format!("{head},{body}")
}

async fn status(tenant: &TestTenant, inputs: &Value) -> (u16, String) {
    let answer = tenant.post(&format!("/api/v3/{MODEL}"), inputs).await;
    (answer.status.as_u16(), answer.text("/field"))
}

#[tokio::test]
async fn a_picture_inside_the_inputs_is_taken_however_it_is_written() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "5").await;
    let bytes = STANDARD.decode(PNG).unwrap();
    let wrapped = PNG
        .as_bytes()
        .chunks(40)
        .map(String::from_utf8_lossy)
        .collect::<Vec<_>>()
        .join("\r\n");
    let ways = [
        (
            "base64 alone, as a popular client of many providers sends it",
            PNG.to_owned(),
        ),
        ("base64 alone, wrapped", wrapped.clone()),
        (
            "base64 alone, in the alphabet of URLs",
            URL_SAFE.encode(&bytes),
        ),
        ("in capitals", uri("DATA:IMAGE/PNG;BASE64", PNG)),
        (
            "with a parameter",
            uri("data:image/png;charset=utf-8;base64", PNG),
        ),
        ("without a type", uri("data:;base64", PNG)),
        ("wrapped", uri("data:image/png;base64", &wrapped)),
        (
            "without padding",
            uri("data:image/png;base64", &STANDARD_NO_PAD.encode(&bytes)),
        ),
        (
            "percent-encoded",
            uri(
                "data:image/png;base64",
                &PNG.replace('+', "%2B").replace('=', "%3D"),
            ),
        ),
        (
            "under another picture's name",
            uri("data:image/jpeg;base64", PNG),
        ),
        (
            "under no picture's name",
            uri("data:application/octet-stream;base64", PNG),
        ),
    ];

    for (way, image) in ways {
        // The model has no such list; the same client sends it too.
        let task = tenant
            .submit(&json!({ "prompt": "sepia", "image": image, "images": [image] }))
            .await;

        assert_eq!(tenant.ended(&task).await["status"], "completed", "{way}");
        let sent = gateway.emulator.runs()[0].inputs["image"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            sent.starts_with("http") && sent.ends_with("/input.png"),
            "{way}: {sent}"
        );
        let stored = tenant.http().get(&sent).send().await.unwrap();
        assert_eq!(stored.headers()["content-type"], "image/png", "{way}");
        assert_eq!(stored.bytes().await.unwrap(), bytes, "{way}");
    }
}

#[tokio::test]
async fn a_list_of_pictures_may_hold_them_in_every_way_of_writing() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let images = json!([PNG, uri("DATA:;base64", PNG), tenant.upload().await]);

    let path = "/api/v3/wavespeed-ai/flux-kontext-max/multi";
    let answer = tenant
        .post(path, &json!({ "prompt": "as one", "images": images }))
        .await;
    let odd = tenant
        .post(
            path,
            &json!({ "prompt": "as one", "images": [PNG, "my cat"] }),
        )
        .await;

    assert_eq!(
        tenant.ended(&answer.text("/data/id")).await["status"],
        "completed",
        "{:?}",
        answer.body
    );
    let sent = gateway.emulator.runs()[0].inputs["images"]
        .as_array()
        .unwrap()
        .clone();
    assert!(
        sent.len() == 3
            && sent
                .iter()
                .all(|url| url.as_str().unwrap().starts_with("http")),
        "{sent:?}"
    );
    assert_eq!(
        (odd.status.as_u16(), odd.text("/field").as_str()),
        (400, "images")
    );
}

/// The provider reads them; the emulator edits a picture of its own in their place.
#[tokio::test]
async fn pictures_that_only_the_provider_can_read_are_not_refused() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let pictures: [(&str, &[u8]); 5] = [
        ("heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x08meta"),
        ("avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif\0\0\0\x08meta"),
        ("tiff", b"II*\0\x08\0\0\0\0\0\0\0\0\0"),
        ("gif", b"GIF89a\x01\0\x01\0\0\0\0"),
        ("a type of next year", b"\0\x01\x02\x03"),
    ];

    for (name, bytes) in &pictures[..4] {
        let inputs = json!({ "prompt": "sepia", "image": uri("data:image/x-any;base64", &STANDARD.encode(bytes)) });
        let task = tenant.submit(&inputs).await;
        assert_eq!(tenant.ended(&task).await["status"], "completed", "{name}");
        let timeline = tenant.timeline(&task).await;
        let finished = timeline["steps"]
            .as_array()
            .unwrap()
            .iter()
            .find(|step| step["name"] == "finished")
            .unwrap();
        let told = finished["detail"].as_str().unwrap_or_default();
        assert!(
            told.contains("stand-in"),
            "the timeline says what was edited: {finished}"
        );
    }
    let (_, new) = pictures[4];
    let inputs = json!({ "prompt": "sepia", "image": uri("data:image/x-new;base64", &STANDARD.encode(new)) });
    assert_eq!(status(&tenant, &inputs).await.0, 200);
}

#[tokio::test]
async fn what_is_left_blank_counts_as_left_out_and_what_is_no_picture_is_refused() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let image = uri("data:image/png;base64", PNG);

    for inputs in [
        json!({ "prompt": "sepia", "image": image, "seed": null }),
        json!({ "prompt": "sepia", "image": image, "webhook_url": null }),
        json!({ "prompt": "sepia", "image": image, "webhook_url": "" }),
    ] {
        assert_eq!(status(&tenant, &inputs).await.0, 200, "{inputs}");
    }
    let blank = json!({ "prompt": "sepia", "image": "", "mask_image": "" });
    let without = tenant.post("/api/v3/wavespeed-ai/flux-dev", &blank).await;
    assert_eq!(
        tenant.ended(&without.text("/data/id")).await["status"],
        "completed",
        "{:?}",
        without.body
    );
    let taken = gateway.emulator.runs().len();

    for (inputs, field) in [
        (
            json!({ "prompt": "sepia", "image": "data:image/png;base64,@@@@" }),
            "image",
        ),
        (
            json!({ "prompt": "sepia", "image": "data:text/html;base64,PGI+" }),
            "image",
        ),
        (
            json!({ "prompt": "sepia", "image": "data:image/png;base64,PGI+" }),
            "image",
        ),
        (json!({ "prompt": "sepia", "image": "my cat" }), "image"),
        (
            json!({ "prompt": "sepia", "image": uri("data:application/pdf;base64", &STANDARD.encode(PDF)) }),
            "image",
        ),
        (
            json!({ "prompt": "sepia", "image": uri("data:image/png;base64", &STANDARD.encode(PDF)) }),
            "image",
        ),
        (
            json!({ "prompt": "sepia", "image": STANDARD.encode(PDF) }),
            "image",
        ),
        (
            json!({ "prompt": "sepia", "image": uri("data:image/png;base64", &STANDARD.encode(b"MZ\x90\0\x03\0")) }),
            "image",
        ),
        (json!({ "prompt": " ", "image": image }), "prompt"),
        (json!({ "prompt": "sepia", "image": " " }), "image"),
        (
            json!({ "prompt": "sepia", "image": image, "webhook_url": 5 }),
            "webhook_url",
        ),
    ] {
        assert_eq!(
            status(&tenant, &inputs).await,
            (400, field.to_owned()),
            "{inputs}"
        );
    }
    assert_eq!(gateway.emulator.runs().len(), taken);
}
