//! The README's first command.

use fluxgate_tests::process;
use serde_json::Value;

#[test]
fn the_demo_tells_everything_as_one_json_object() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");

    let output = process::run(&["demo", "--json", "--data", data.to_str().unwrap()]);

    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
    let (before, after) = (
        std::fs::read(text("before")).unwrap(),
        std::fs::read(text("after")).unwrap(),
    );
    assert_ne!(before, after);
    assert_ne!(
        image::load_from_memory(&before).unwrap().to_rgb8(),
        image::load_from_memory(&after).unwrap().to_rgb8()
    );
    assert_eq!(text("task_id").len(), 32);
    assert!(text("s3_uri").starts_with("s3://fluxgate-demo/"));
    assert_eq!(text("sha256").len(), 64);
    assert_eq!(text("completed_by"), "webhook");
    assert_eq!(report["charged_usd"], 0.08);
    assert_eq!(
        (
            &report["callback"]["verified"],
            &report["callback"]["attempts"]
        ),
        (&true.into(), &1.into())
    );
    let steps: Vec<&str> = report["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps.first(), Some(&"admitted"));
    assert_eq!(steps.last(), Some(&"callback"));
}

#[test]
fn the_demo_takes_a_picture_and_a_prompt_and_runs_twice_on_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (data, picture) = (folder.path().join("data"), folder.path().join("mine.png"));
    image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 3, y as u8 * 4, 90]))
        .save(&picture)
        .unwrap();

    for _ in 0..2 {
        let output = process::run(&[
            "demo",
            "--data",
            data.to_str().unwrap(),
            "--image",
            picture.to_str().unwrap(),
            "--prompt",
            "pixel art",
        ]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(
            shown.contains("signature verified") && shown.contains("s3://fluxgate-demo/"),
            "{shown}"
        );
    }
}

#[test]
fn a_picture_that_is_not_there_is_one_clear_line() {
    let output = process::run(&["demo", "--image", "/nowhere/x.png"]);

    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.lines()
            .last()
            .unwrap()
            .contains("cannot read the picture /nowhere/x.png"),
        "{said}"
    );
    assert!(output.stdout.is_empty());
}
