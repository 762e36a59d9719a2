//! What signs without the SDK's client makes the URLs that the client would make.

use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use fluxgate_core::port::{Clock as _, LinkMethod, LinkSigner as _, LinkTerms, SystemClock};
use fluxgate_core::task::Output;
use fluxgate_core::time::Timestamp;
use fluxgate_s3::{Credentials, S3Signer, S3SignerSettings, SharedCredentialsProvider};

use crate::contract::{destination, tenant};

const MINUTE_S: u64 = 60;
const EXPIRES_S: u64 = 900;

fn settings(region: &str, endpoint: Option<&str>, token: Option<&str>) -> S3SignerSettings {
    let keys = Credentials::new(
        "AKIDOWN",
        "own-secret",
        token.map(str::to_owned),
        None,
        "test",
    );
    S3SignerSettings {
        endpoint: endpoint.map(str::to_owned),
        region: region.to_owned(),
        credentials: SharedCredentialsProvider::new(keys),
        force_path_style: endpoint.is_some_and(|endpoint| endpoint.contains("127.0.0.1")),
    }
}

fn output(bucket: &str, key: &str) -> Output {
    let (bucket, key) = (bucket.to_owned(), key.to_owned());
    Output {
        bucket,
        key,
        sha256: String::new(),
        bytes: 7,
        content_type: "image/png".to_owned(),
        ..Output::default()
    }
}

async fn signed(
    settings: S3SignerSettings,
    output: &Output,
    method: LinkMethod,
    expires_s: u64,
) -> fluxgate_core::Result<String> {
    let link = LinkTerms {
        method,
        expires_ms: (expires_s - MINUTE_S) * 1000,
        from: None,
    };
    S3Signer::new(settings)
        .presign(&tenant(), &destination(&output.bucket), output, link)
        .await
}

async fn signed_by_the_sdk(
    settings: S3SignerSettings,
    output: &Output,
    method: LinkMethod,
    minute: u64,
) -> String {
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region))
        .credentials_provider(settings.credentials)
        .force_path_style(settings.force_path_style);
    config.set_endpoint_url(settings.endpoint);
    let start = UNIX_EPOCH + Duration::from_secs(minute * MINUTE_S);
    let valid = PresigningConfig::builder()
        .start_time(start)
        .expires_in(Duration::from_secs(EXPIRES_S))
        .build()
        .unwrap();
    let client = Client::from_conf(config.build());
    let presigned = match method {
        LinkMethod::Get => {
            let kept =
                (!output.content_type.starts_with("image/")).then(|| "attachment".to_owned());
            let get = client.get_object().bucket(&output.bucket).key(&output.key);
            get.set_response_content_disposition(kept)
                .presigned(valid)
                .await
                .unwrap()
        }
        LinkMethod::Head => client
            .head_object()
            .bucket(&output.bucket)
            .key(&output.key)
            .presigned(valid)
            .await
            .unwrap(),
    };
    presigned.uri().to_owned()
}

fn minute() -> u64 {
    u64::try_from(SystemClock.now().0).unwrap() / 1000 / MINUTE_S
}

#[tokio::test]
async fn a_url_from_a_moment_of_the_past_is_the_one_that_was_given_then() {
    let from = Timestamp((u64::try_from(SystemClock.now().0).unwrap() - 3 * 60_000).cast_signed());
    let link = LinkTerms {
        from: Some(from),
        ..LinkTerms::get((EXPIRES_S - MINUTE_S) * 1000)
    };
    let (settings, output) = (
        || settings("us-east-1", None, None),
        output("tenant-acme", "0.png"),
    );

    let url = S3Signer::new(settings())
        .presign(&tenant(), &destination(&output.bucket), &output, link)
        .await
        .unwrap();

    let then = u64::try_from(from.0).unwrap() / 1000 / MINUTE_S;
    assert_eq!(
        url,
        signed_by_the_sdk(settings(), &output, LinkMethod::Get, then).await
    );
}

#[tokio::test]
async fn a_url_is_the_one_that_the_sdk_makes() {
    let aws = |region| settings(region, None, None);
    let cases = [
        (aws("us-east-1"), "tenant-acme", "flux/2026/11/22/t/0.png"),
        (aws("eu-central-1"), "tenant-acme", "flux/a b+c/0.png"),
        (aws("cn-north-1"), "tenant-acme", "flux/ümlaut/%41/0.png"),
        (
            aws("us-gov-west-1"),
            "tenant-acme",
            "flux/a=b&c?d#e/~0_-.!*'()/0.png",
        ),
        (
            aws("us-east-1"),
            "pictures.acme.example",
            "/leading//double/./../0.png",
        ),
        (
            settings("us-east-1", None, Some("token+/=")),
            "tenant-acme",
            "0.png",
        ),
        (
            settings("us-east-1", Some("http://127.0.0.1:9000"), None),
            "tenant-acme",
            "flux/0.png",
        ),
        (
            settings("us-east-1", Some("https://pictures.example:8443"), None),
            "tenant-acme",
            "flux/0.png",
        ),
        (
            settings(
                "us-east-1",
                Some("https://pictures.example/s3/"),
                Some("token"),
            ),
            "tenant-acme",
            "flux/0.png",
        ),
    ];
    let methods = [LinkMethod::Get, LinkMethod::Head];
    for ((settings, bucket, key), method) in cases
        .iter()
        .flat_map(|case| methods.map(|method| (case.clone(), method)))
    {
        let output = output(bucket, key);

        let before = minute();
        let ours = signed(settings.clone(), &output, method, EXPIRES_S)
            .await
            .unwrap();
        let after = minute();

        // It may have been the next minute when it was signed.
        let first = signed_by_the_sdk(settings.clone(), &output, method, before).await;
        let second = signed_by_the_sdk(settings, &output, method, after).await;
        assert!(ours == first || ours == second, "\n{ours}\n{first}");
    }
}

#[tokio::test]
async fn a_url_of_what_a_browser_must_not_open_asks_for_an_attachment_as_the_sdk_would() {
    let page = Output {
        content_type: "text/html".to_owned(),
        ..output("tenant-acme", "flux/a b/0.html")
    };
    let settings = settings("us-east-1", None, None);

    let before = minute();
    let ours = signed(settings.clone(), &page, LinkMethod::Get, EXPIRES_S)
        .await
        .unwrap();
    let after = minute();

    let first = signed_by_the_sdk(settings.clone(), &page, LinkMethod::Get, before).await;
    let second = signed_by_the_sdk(settings, &page, LinkMethod::Get, after).await;
    assert!(
        ours.contains("response-content-disposition=attachment"),
        "{ours}"
    );
    assert!(ours == first || ours == second, "\n{ours}\n{first}");
}

#[tokio::test]
async fn a_directory_bucket_has_no_links_and_says_so() {
    let output = output("pictures--use1-az4--x-s3", "0.png");

    let error = signed(
        settings("us-east-1", None, None),
        &output,
        LinkMethod::Get,
        EXPIRES_S,
    )
    .await
    .unwrap_err();

    assert_eq!(error.code, "presign_unsupported", "{error}");
    assert!(error.message.contains("general purpose bucket"), "{error}");
}

/// Each part of AWS has names of its own.
#[tokio::test]
async fn a_link_leads_to_the_host_of_its_region_s_partition() {
    for (region, host) in [
        ("eu-central-1", "tenant-acme.s3.eu-central-1.amazonaws.com"),
        (
            "us-gov-west-1",
            "tenant-acme.s3.us-gov-west-1.amazonaws.com",
        ),
        ("cn-north-1", "tenant-acme.s3.cn-north-1.amazonaws.com.cn"),
    ] {
        let (settings, output) = (settings(region, None, None), output("tenant-acme", "0.png"));
        let get = signed(settings, &output, LinkMethod::Get, EXPIRES_S);

        let url = get.await.unwrap();

        assert!(url.starts_with(&format!("https://{host}/0.png?")), "{url}");
    }
}
