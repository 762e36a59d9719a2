//! From submit to output.

use fluxgate_emulator::{DEMO_PHOTO, EmulatorConfig};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, MAX, data_uri, inputs, picture, quick};

#[tokio::test]
async fn a_run_ends_with_a_picture_that_differs_from_its_input() {
    let client = Client::new().await;

    let submitted = client.post(&format!("/api/v3/{MAX}"), &inputs()).await;
    let ended = client.ended(submitted["id"].as_str().unwrap()).await;
    let output = client.download(&ended["outputs"][0]).await;

    assert_eq!(
        (&submitted["status"], &ended["status"]),
        (&json!("created"), &json!("completed"))
    );
    assert_eq!(ended["has_nsfw_contents"], json!([false]));
    assert!(
        ended["executionTime"].as_i64().unwrap() >= 20
            && ended["timings"]["inference"].as_i64().unwrap() >= 20
    );
    assert_eq!(output.headers()["content-type"], "image/jpeg");
    let length: usize = output.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let bytes = output.bytes().await.unwrap();
    assert_eq!(bytes.len(), length);
    assert_ne!(
        image::load_from_memory(&bytes).unwrap().to_rgb8(),
        image::load_from_memory(&picture()).unwrap().to_rgb8()
    );
}

#[tokio::test]
async fn the_submit_answer_is_the_providers_prediction() {
    let client = Client::new().await;

    let data = client.post(&format!("/api/v3/{MAX}"), &inputs()).await;

    let id = data["id"].as_str().unwrap();
    assert!(
        id.len() == 32
            && id
                .chars()
                .all(|digit| matches!(digit, '0'..='9' | 'a'..='f')),
        "{id}"
    );
    assert_eq!(
        data["urls"]["get"],
        format!(
            "{}/api/v3/predictions/{id}/result",
            client.emulator.base_url()
        )
    );
    let created_at = data["created_at"].as_str().unwrap();
    assert!(
        created_at.ends_with('Z') && created_at.len() == "2026-08-25T00:49:21.479Z".len(),
        "{created_at}"
    );
    let input = &data["input"];
    assert_eq!(
        (&input["prompt"], &input["guidance_scale"], &input["seed"]),
        (&json!("make it a woodcut"), &json!(3.5), &json!(7))
    );
    assert_eq!(
        (&data["model"], &data["outputs"], &data["error"]),
        (&json!(MAX), &json!([]), &json!(""))
    );
}

#[tokio::test]
async fn the_same_seed_prompt_and_picture_give_the_same_output() {
    let client = Client::new().await;
    let mut other = inputs();
    other["seed"] = json!(8);

    let outputs = [inputs(), inputs(), other].map(|inputs| output(&client, inputs));
    let [first, second, other] = futures::future::join_all(outputs).await.try_into().unwrap();

    assert_eq!(first, second);
    assert_ne!(first, other);
}

async fn output(client: &Client, inputs: Value) -> Vec<u8> {
    let ended = client.run(MAX, &inputs).await;
    client
        .download(&ended["outputs"][0])
        .await
        .bytes()
        .await
        .unwrap()
        .to_vec()
}

#[tokio::test]
async fn a_result_is_found_on_all_its_paths() {
    let client = Client::new().await;
    let ended = client.run(MAX, &inputs()).await;
    let id = ended["id"].as_str().unwrap();

    let newer = client.get(&format!("/api/v3/predictions/{id}")).await;
    let legacy = client
        .get(&format!("/api/v2/predictions/{id}/result"))
        .await;

    assert_eq!((&newer, &legacy), (&ended, &ended));
}

#[tokio::test]
async fn a_model_may_take_several_pictures_or_none_or_make_many() {
    let client = Client::new().await;
    let images =
        json!({"prompt": "as one", "images": [data_uri(&picture()), data_uri(DEMO_PHOTO)]});

    let multi = client
        .run("wavespeed-ai/flux-kontext-max/multi", &images)
        .await;
    let text = client
        .run(
            "wavespeed-ai/flux-kontext-max/text-to-image",
            &json!({"prompt": "a bee"}),
        )
        .await;
    let many = client
        .run(
            "wavespeed-ai/flux-dev",
            &json!({"prompt": "a bee", "num_images": 3, "size": "256*128"}),
        )
        .await;

    let outputs = [multi, text, many].map(|ended| ended["outputs"].as_array().unwrap().len());
    assert_eq!(outputs, [1, 1, 3]);
}

#[tokio::test]
async fn sync_mode_answers_with_the_end_of_the_run() {
    let client = Client::new().await;
    let mut inputs = inputs();
    inputs["enable_sync_mode"] = json!(true);

    let data = client.post(&format!("/api/v3/{MAX}"), &inputs).await;

    assert_eq!(data["status"], "completed");
}

#[tokio::test]
async fn base64_output_is_the_picture_itself() {
    use base64::Engine as _;
    let client = Client::new().await;
    let mut inputs = inputs();
    inputs["enable_base64_output"] = json!(true);

    let ended = client.run(MAX, &inputs).await;

    let text = ended["outputs"][0].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap();
    image::load_from_memory(&bytes).unwrap();
}

#[tokio::test]
async fn a_picture_that_is_not_there_fails_the_run() {
    let client = Client::new().await;
    let gone = format!("{}/media/none/none.png", client.emulator.base_url());

    for image in [
        gone.as_str(),
        "http://127.0.0.1:9/a.png",
        "data:image/png;base64,bm8=",
        "not a url",
    ] {
        let ended = client
            .run(MAX, &json!({"prompt": "x", "image": image}))
            .await;

        assert_eq!(
            (&ended["status"], &ended["code"]),
            (&json!("failed"), &json!(1402)),
            "{image}"
        );
        assert!(!ended["error"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_picture_in_a_format_that_is_not_read_has_a_stand_in_and_the_answer_says_so() {
    let client = Client::new().await;
    for (format, bytes) in [
        ("heic", &b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..]),
        ("avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"),
        ("gif", b"GIF89a\x01\0\x01\0"),
        ("tiff", b"II*\0\x08\0\0\0"),
    ] {
        let ended = client
            .run(MAX, &json!({"prompt": "x", "image": data_uri(bytes)}))
            .await;

        assert_eq!(ended["status"], "completed", "{format}");
        let note = ended["emulator_note"].as_str().unwrap();
        assert!(
            note.contains("stand-in") && note.ends_with(format),
            "{note}"
        );
        image::load_from_memory(
            &client
                .download(&ended["outputs"][0])
                .await
                .bytes()
                .await
                .unwrap(),
        )
        .unwrap();
    }
    assert_eq!(client.run(MAX, &inputs()).await.get("emulator_note"), None);
}

#[tokio::test]
async fn a_picture_may_be_base64_alone_or_a_data_uri_in_capitals() {
    use base64::Engine as _;
    let client = Client::new().await;
    let text = base64::engine::general_purpose::STANDARD.encode(picture());

    for image in [
        text.clone(),
        format!("DATA:IMAGE/PNG;BASE64,{text}"),
        format!("data:image/png;charset=utf-8;base64,{text}"),
    ] {
        let ended = client
            .run(MAX, &json!({"prompt": "x", "image": image}))
            .await;

        assert_eq!(ended["status"], "completed", "{}", ended["error"]);
    }
}

#[tokio::test]
async fn a_prompt_with_the_word_nsfw_is_flagged() {
    let client = Client::new().await;
    let mut inputs = inputs();
    inputs["prompt"] = json!("Something NSFW, please");

    let ended = client.run(MAX, &inputs).await;

    assert_eq!(ended["has_nsfw_contents"], json!([true]));
}

#[tokio::test]
async fn a_run_is_recorded_with_its_declared_inputs() {
    let client = Client::new().await;
    let mut inputs = inputs();
    inputs["surprise"] = json!(1);
    client.run(MAX, &inputs).await;

    let runs = client.emulator.runs();
    let shown = client
        .request(Method::GET, "/_emulator/runs")
        .send()
        .await
        .unwrap()
        .json::<Value>()
        .await
        .unwrap();

    assert_eq!(runs.len(), 1);
    assert_eq!(
        (runs[0].status.as_str(), runs[0].model.as_str()),
        ("completed", MAX)
    );
    assert!(runs[0].inputs.get("surprise").is_none() && runs[0].inputs["seed"] == 7);
    assert_eq!(shown, json!(runs));
    assert_eq!(client.emulator.request_count("submit"), 1);
}

#[tokio::test]
async fn a_stopped_emulator_no_longer_listens() {
    let client = Client::of(quick()).await;
    let url = client.emulator.base_url();
    client.get("/api/v3/balance").await;

    client.emulator.stop().await;

    assert!(client.http.get(url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn a_run_of_an_emulator_before_this_one_has_failed_or_is_not_found() {
    let earlier = "/api/v3/predictions/01900000000070008000000000000000/result";
    let unknown = "/api/v3/predictions/0123456789abcdef0123456789abcdef/result";
    let plain = Client::new().await;
    let failing = Client::of(EmulatorConfig {
        forgotten_runs_fail: true,
        ..quick()
    })
    .await;

    let run = failing.get(earlier).await;

    let (status, code) = (&run["status"], &run["code"]);
    assert_eq!((status, code), (&json!("failed"), &json!(5000)));
    let why = run["error"].as_str().unwrap();
    assert!(why.contains("started again"), "{why}");
    for (client, path) in [(&plain, earlier), (&failing, unknown)] {
        let answer = client.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
}
