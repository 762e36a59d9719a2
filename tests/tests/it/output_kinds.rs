//! Models whose outputs are no pictures: every output of the provider is archived, charged and
//! reported, and a browser never opens one as a page.

use fluxgate_emulator::{Faults, OddOutput};
use fluxgate_tests::Gateway;

fn making(output: OddOutput) -> Faults {
    Faults {
        odd_output: Some(output),
        ..Faults::default()
    }
}

/// The content type that is stored, the extension, the disposition, and the provider's own type.
const KINDS: [(OddOutput, &str, &str, Option<&str>, &str); 8] = [
    (
        OddOutput::Glb,
        "model/gltf-binary",
        "glb",
        Some("attachment"),
        "model/gltf-binary",
    ),
    (
        OddOutput::Svg,
        "image/svg+xml",
        "svg",
        Some("attachment"),
        "image/svg+xml",
    ),
    (
        OddOutput::Json,
        "application/json",
        "json",
        Some("attachment"),
        "application/json",
    ),
    (
        OddOutput::Text,
        "text/plain; charset=utf-8",
        "txt",
        Some("attachment"),
        "text/plain",
    ),
    (
        OddOutput::Safetensors,
        "application/octet-stream",
        "safetensors",
        Some("attachment"),
        "application/octet-stream",
    ),
    (
        OddOutput::New,
        "application/octet-stream",
        "bin",
        Some("attachment"),
        "application/x-new",
    ),
    (OddOutput::Mp4, "video/mp4", "mp4", None, "video/mp4"),
    (OddOutput::Mp3, "audio/mpeg", "mp3", None, "audio/mpeg"),
];

#[tokio::test]
async fn every_kind_of_output_is_archived_and_what_a_browser_would_run_is_an_attachment() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;

    for (kind, content_type, extension, disposition, provider_type) in KINDS {
        gateway.emulator.set_faults(making(kind));
        let task = tenant.submit(&inputs).await;
        let prediction = tenant.ended(&task).await;

        assert_eq!(prediction["status"], "completed", "{kind:?}: {prediction}");
        let object = &prediction["objects"][0];
        assert_eq!(object["content_type"], content_type, "{kind:?}");
        assert!(
            object["s3_uri"]
                .as_str()
                .unwrap()
                .ends_with(&format!("/0.{extension}")),
            "{object}"
        );
        let answer = tenant
            .http()
            .get(prediction["outputs"][0].as_str().unwrap())
            .send()
            .await
            .unwrap();
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        assert_eq!(
            (header("content-type"), header("content-disposition")),
            (Some(content_type), disposition),
            "{kind:?}"
        );
        assert_eq!(
            header("x-amz-meta-provider-type"),
            Some(provider_type),
            "{kind:?}"
        );
        assert_eq!(header("x-content-type-options"), Some("nosniff"));
    }
    assert!(
        (tenant.balance_usd().await - 0.36).abs() < 1e-9,
        "each was paid once"
    );
}
