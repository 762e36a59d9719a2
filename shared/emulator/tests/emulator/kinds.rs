//! Models of every kind, from their entry in the catalogue to what they make.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use futures::stream;
use serde_json::{Map, Value, json};

use crate::client::{Client, data_uri, picture};
use crate::readers::{Found, read};

/// How many runs are under way at once.
const RUNS_AT_ONCE: usize = 8;

/// The least that a model takes, from its own schema.
fn inputs(entry: &Value) -> Value {
    let schema = &entry["api_schema"]["api_schemas"][0]["request_schema"];
    let properties = schema["properties"].as_object().unwrap();
    let required = schema["required"].as_array().unwrap().iter();
    let mut inputs: Map<String, Value> = required
        .map(|name| {
            let name = name.as_str().unwrap();
            (name.to_owned(), sample(&properties[name]))
        })
        .collect();
    // Flat pictures, because they are quick to make.
    let chosen = [
        ("seed", json!(7)),
        ("size", json!("1024*64")),
        ("aspect_ratio", json!("21:9")),
    ];
    for (name, value) in chosen {
        if properties.contains_key(name) {
            inputs.insert(name.to_owned(), value);
        }
    }
    Value::Object(inputs)
}

fn sample(property: &Value) -> Value {
    let media = |kind: &str| {
        let bytes = STANDARD.encode(format!("some {kind}"));
        format!("data:application/octet-stream;base64,{bytes}")
    };
    let one = match property["x-accept"].as_str() {
        Some("image/*") => data_uri(&picture()),
        Some(kind) => media(kind),
        None => "a fox in the snow".to_owned(),
    };
    match property["type"].as_str() {
        Some("array") => json!([one]),
        _ => json!(one),
    }
}

async fn catalogue(client: &Client) -> Vec<Value> {
    client
        .get("/api/v3/models")
        .await
        .as_array()
        .unwrap()
        .clone()
}

async fn run(client: &Client, entry: &Value) -> Vec<Value> {
    let id = entry["model_id"].as_str().unwrap();
    let ended = client.run(id, &inputs(entry)).await;
    assert_eq!(ended["status"], "completed", "{id}: {}", ended["error"]);
    let outputs = ended["outputs"].as_array().unwrap().clone();
    assert_eq!(
        ended["has_nsfw_contents"].as_array().unwrap().len(),
        outputs.len()
    );
    outputs
}

/// A file, or `None` for words.
async fn fetched(client: &Client, output: &Value) -> Option<(String, Vec<u8>)> {
    let link = if output.is_object() {
        &output["url"]
    } else {
        output
    };
    if !link.as_str().unwrap().starts_with("http") {
        return None;
    }
    let response = client.download(link).await;
    let content_type = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    Some((content_type, response.bytes().await.unwrap().to_vec()))
}

fn expected(model_type: &str) -> Option<Found> {
    let ending = model_type.rsplit('-').next().unwrap();
    Some(match ending {
        "image" => Found::Picture { is_png: false },
        "video" | "human" | "lipsync" => Found::Video { frames: 24 },
        "audio" | "music" | "speech" => Found::Sound,
        "3d" => Found::Mesh,
        "training" => Found::Weights,
        _ => return None,
    })
}

#[tokio::test]
async fn every_model_makes_what_its_type_says() {
    let client = Client::new().await;
    let listed = catalogue(&client).await;

    let checks = stream::iter(&listed).map(|entry| {
        let client = &client;
        async move {
            let id = entry["model_id"].as_str().unwrap();
            for output in run(client, entry).await {
                let Some((content_type, bytes)) = fetched(client, &output).await else {
                    assert!(output.as_str().unwrap().len() > 20, "{id}: {output}");
                    continue;
                };
                let found = read(&content_type, &bytes);
                match (expected(entry["type"].as_str().unwrap()), &found) {
                    (Some(Found::Picture { .. }), Found::Picture { .. } | Found::Json) => {}
                    (Some(expected), found) => assert_eq!(*found, expected, "{id}"),
                    (None, found) => assert_eq!(*found, Found::Json, "{id}"),
                }
            }
        }
    });

    checks
        .buffer_unordered(RUNS_AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}

#[tokio::test]
async fn the_same_inputs_and_seed_make_the_same_bytes_of_every_kind() {
    let client = Client::new().await;
    let listed = catalogue(&client).await;
    let ids = [
        "wavespeed-ai/image-background-remover",
        "wavespeed-ai/wan-2.2/t2v-480p",
        "wavespeed-ai/ace-step",
        "minimax/speech-02-hd",
        "wavespeed-ai/any-llm",
        "openai/whisper/with-timestamps",
        "meshy/v6/text-to-3d",
        "wavespeed-ai/flux-dev-lora-trainer",
    ];

    let checks = ids.map(|id| {
        let entry = listed.iter().find(|entry| entry["model_id"] == id).unwrap();
        let client = &client;
        async move {
            let (once, again) = (run(client, entry).await, run(client, entry).await);
            let (first, second) = (fetched(client, &once[0]), fetched(client, &again[0]));
            match (first.await, second.await) {
                (None, None) => assert_eq!(once, again, "{id}"),
                (first, second) => assert!(first == second, "{id}"),
            }
        }
    });
    futures::future::join_all(checks).await;
}

#[tokio::test]
async fn outputs_may_be_objects_or_have_a_text_among_pictures_or_be_several() {
    let client = Client::new().await;
    let image = data_uri(&picture());
    let inputs = json!({"prompt": "a woodcut", "image": image, "seed": 7, "num_images": 2});

    let objects = client.run("wavespeed-ai/object-output", &inputs).await;
    let mixed = client.run("wavespeed-ai/mixed-output", &inputs).await;
    let layers = client.run("wavespeed-ai/layers/decompose", &inputs).await;

    let objects = objects["outputs"].as_array().unwrap();
    assert_eq!(objects.len(), 2);
    for object in objects {
        let (content_type, bytes) = fetched(&client, object).await.unwrap();
        read(&content_type, &bytes);
    }
    let mut found = Vec::new();
    for outputs in [&mixed["outputs"], &layers["outputs"]] {
        for output in outputs.as_array().unwrap() {
            let file = fetched(&client, output).await;
            found.push(file.map(|(content_type, bytes)| read(&content_type, &bytes)));
        }
    }
    let picture = |is_png| Some(Found::Picture { is_png });
    assert_eq!(
        found,
        [
            picture(false),
            None,
            picture(false),
            picture(false),
            picture(true),
            Some(Found::Json)
        ]
    );
}

#[tokio::test]
async fn base64_outputs_are_the_files_of_any_kind_and_words_stay_words() {
    let client = Client::new().await;
    let asked =
        json!({"prompt": "a fox", "seed": 7, "num_images": 2, "enable_base64_output": true});
    let words = json!({"prompt": "a fox"});

    let pictures = client.run("wavespeed-ai/flux-schnell", &asked).await;
    let text = client.run("wavespeed-ai/any-llm", &words).await;

    for output in pictures["outputs"].as_array().unwrap() {
        let bytes = STANDARD.decode(output.as_str().unwrap()).unwrap();
        assert_eq!(read("image/jpeg", &bytes), Found::Picture { is_png: false });
    }
    assert!(text["outputs"][0].as_str().unwrap().contains("\"a fox\""));
}

#[tokio::test]
async fn media_of_a_run_must_all_be_there() {
    let client = Client::new().await;
    let gone = format!("{}/media/none/none.mp4", client.emulator.base_url());

    let ended = client
        .run("wavespeed-ai/video-upscaler-pro", &json!({"video": gone}))
        .await;

    assert_eq!(
        (&ended["status"], &ended["code"]),
        (&json!("failed"), &json!(1402))
    );
}
