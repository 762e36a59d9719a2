//! What outputs are taken for: whatever the provider calls an output is one, told by its bytes.

use axum::Router;
use axum::http::header;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxgate_core::media::{MediaKind, disposition};
use fluxgate_core::port::{
    FetchFailure, FetchFailureSort as Sort, Fetched, ObjectBody, OutputFetch, OutputFetcher,
    Purpose,
};
use fluxgate_outbound::HttpOutputFetcher;

use crate::servers::{loopback_guard, serve, trace};

const MIB: u64 = 1024 * 1024;
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

async fn fetch(url: &str, promised: Option<MediaKind>) -> Result<Fetched, FetchFailure> {
    let output = OutputFetch {
        url,
        promised,
        bytes_max: MIB,
        timeout_ms: 5_000,
        trace: &trace(),
    };
    HttpOutputFetcher::new(loopback_guard().client(Purpose::Output))
        .fetch(output)
        .await
}

fn bytes(fetched: &Fetched) -> &[u8] {
    let ObjectBody::Memory(bytes) = &fetched.body else {
        panic!("in a file")
    };
    bytes
}

/// The first bytes of a file, what it is stored as, and whether a browser may open it.
const FILES: [(&str, &[u8], &str, &str, bool); 20] = [
    (
        "glb",
        b"glTF\x02\0\0\0\x14\0\0\0\0\0\0\0\0\0\0\0",
        "model/gltf-binary",
        "glb",
        false,
    ),
    (
        "svg",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "image/svg+xml",
        "svg",
        false,
    ),
    (
        "html",
        b"<!doctype html><title>x</title>",
        BYTES,
        "bin",
        false,
    ),
    (
        "safetensors",
        b"\x02\0\0\0\0\0\0\0{}",
        BYTES,
        "safetensors",
        false,
    ),
    (
        "json",
        b"{\"caption\":\"a cup\"}",
        "application/json",
        "json",
        false,
    ),
    ("text", b"Eine rote Tasse.", TEXT, "txt", false),
    (
        "zip",
        b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        "application/zip",
        "zip",
        false,
    ),
    (
        "mpeg-1",
        b"\xff\xfa\x90\x64\0\0\0\0\0\0\0\0\0\0\0\0",
        "audio/mpeg",
        "mp3",
        true,
    ),
    (
        "mpeg-2.5",
        b"\xff\xe3\x18\xc4\0\0\0\0\0\0\0\0\0\0\0\0",
        "audio/mpeg",
        "mp3",
        true,
    ),
    (
        "iso7",
        b"\0\0\0\x18ftypiso7\0\0\0\0iso7mp42\0\0\0\x08mdat",
        "video/mp4",
        "mp4",
        true,
    ),
    (
        "iso8",
        b"\0\0\0\x18ftypiso8\0\0\0\0iso8mp42\0\0\0\x08mdat",
        "video/mp4",
        "mp4",
        true,
    ),
    (
        "iso9",
        b"\0\0\0\x18ftypiso9\0\0\0\0iso9mp42\0\0\0\x08mdat",
        "video/mp4",
        "mp4",
        true,
    ),
    (
        "hvc1",
        b"\0\0\0\x18ftyphvc1\0\0\0\0hvc1mp42\0\0\0\x08mdat",
        "video/mp4",
        "mp4",
        true,
    ),
    (
        "cmfc",
        b"\0\0\0\x18ftypcmfc\0\0\0\0cmfcmp42\0\0\0\x08mdat",
        "video/mp4",
        "mp4",
        true,
    ),
    (
        "XAVC",
        b"\0\0\0\x18ftypXAVC\0\0\0\0XAVCmp42\0\0\0\x08mdat",
        "video/mp4",
        "mp4",
        true,
    ),
    (
        "3gp5",
        b"\0\0\0\x18ftyp3gp5\0\0\0\x003gp5mp42\0\0\0\x08mdat",
        "video/mp4",
        "mp4",
        true,
    ),
    (
        "jpeg",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        "image/jpeg",
        "jpg",
        true,
    ),
    ("program", b"\x7fELF\x02\x01\x01\0", BYTES, "bin", false),
    (
        "xml",
        b"<?xml version=\"1.0\"?><scene/>",
        BYTES,
        "bin",
        false,
    ),
    ("nothing known", b"\0\x01\x02\x03", BYTES, "bin", false),
];

#[tokio::test]
async fn whatever_the_provider_calls_an_output_is_one_and_is_told_by_its_bytes() {
    for (name, file, content_type, extension, is_shown) in FILES {
        let url = serve(Router::new().route("/out", get(move || async move { file }))).await;
        let inside = format!("data:;base64,{}", STANDARD.encode(file));

        for source in [url.join("/out").unwrap().as_str(), &inside] {
            let fetched = fetch(source, None).await.unwrap();

            assert_eq!(
                (fetched.content_type, fetched.extension),
                (content_type, extension),
                "{name}"
            );
            assert_eq!(
                disposition(fetched.content_type).is_none(),
                is_shown,
                "{name}"
            );
            assert_eq!(bytes(&fetched), file, "{name}");
        }
    }
}

#[tokio::test]
async fn what_the_server_called_it_is_noted_on_one_short_line() {
    let long = format!("model/x; note=\"{}\"", "a".repeat(500));
    let told = [
        ("model/vnd.new", Some("model/vnd.new".to_owned())),
        ("", None),
        (&long, Some(long[..127].to_owned())),
    ];
    for (told, noted) in told {
        let told = told.to_owned();
        let answer = move || async move { ([(header::CONTENT_TYPE, told)], &b"\0\x01"[..]) };
        let url = serve(Router::new().route("/out", get(answer))).await;

        let fetched = fetch(url.join("/out").unwrap().as_str(), None)
            .await
            .unwrap();

        assert_eq!(
            (fetched.content_type, &fetched.provider_type),
            (BYTES, &noted)
        );
    }
    let fetched = fetch("data:model/vnd.new;base64,AAE=", None).await.unwrap();
    assert_eq!(fetched.provider_type.as_deref(), Some("model/vnd.new"));
}

#[tokio::test]
async fn text_is_an_output_unless_a_picture_a_video_or_a_sound_was_to_come() {
    let url = serve(Router::new().route(
        "/out",
        get(|| async { "<!doctype html><title>Gone</title>" }),
    ))
    .await;
    let url = url.join("/out").unwrap();

    assert_eq!(fetch(url.as_str(), None).await.unwrap().content_type, BYTES);
    for kind in [MediaKind::Picture, MediaKind::Video, MediaKind::Sound] {
        for source in [
            url.as_str(),
            "A red cup.",
            "data:;base64,PCFkb2N0eXBlIGh0bWw+",
        ] {
            let failure = fetch(source, Some(kind)).await.err().unwrap();
            assert_eq!(
                (failure.sort, failure.error.code),
                (Sort::NotAsPromised, "output_not_media"),
                "{source}"
            );
        }
    }
}

#[tokio::test]
async fn a_file_other_than_the_one_that_was_promised_is_still_the_output() {
    let glb = || async { &b"glTF\x02\0\0\0\x14\0\0\0"[..] };
    let svg = || async { "<svg/>" };
    let router = Router::new()
        .route("/out.png", get(glb))
        .route("/out.webp", get(svg))
        .route("/new.jxs", get(|| async { "\0" }));
    let url = serve(router).await;

    for (path, content_type) in [
        ("/out.png", "model/gltf-binary"),
        ("/out.webp", "image/svg+xml"),
        ("/new.jxs", BYTES),
    ] {
        let fetched = fetch(url.join(path).unwrap().as_str(), Some(MediaKind::Picture))
            .await
            .unwrap();
        assert_eq!(fetched.content_type, content_type, "{path}");
    }
}

#[tokio::test]
async fn an_output_that_stands_in_the_answer_itself_is_taken_as_it_is() {
    let gif = "R0lGODlhAQABAA==";
    let wrapped = "R0lGOD\nlhAQABAA";
    for (source, content_type, contents) in [
        (
            "A red cup on a wooden table.",
            TEXT,
            &b"A red cup on a wooden table."[..],
        ),
        (
            "Answer: yes, see https://a.example/x",
            TEXT,
            b"Answer: yes, see https://a.example/x",
        ),
        ("cup", TEXT, b"cup"),
        ("{\"score\":1}", "application/json", b"{\"score\":1}"),
        (gif, "image/gif", b"GIF89a\x01\0\x01\0"),
        (wrapped, "image/gif", b"GIF89a\x01\0\x01\0"),
        (
            "data:application/json;base64,eyJzY29yZSI6MX0=",
            "application/json",
            b"{\"score\":1}",
        ),
    ] {
        let fetched = fetch(source, None).await.unwrap();

        assert_eq!(
            (fetched.content_type, bytes(&fetched)),
            (content_type, contents),
            "{source}"
        );
    }
    let long = "long text ".repeat(200_000);
    assert_eq!(fetch(&long, None).await.err().unwrap().sort, Sort::TooLarge);
}
