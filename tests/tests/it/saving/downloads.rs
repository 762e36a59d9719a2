//! Outputs of a task are downloaded again.

use std::path::{Path, PathBuf};

use fluxgate_tests::{TestTenant, process};
use serde_json::json;

use super::{Desk, fails, named, paths, refused};
use crate::command::said;

#[tokio::test]
async fn what_an_edit_made_can_be_fetched_again() {
    let desk = Desk::new().await;
    let (first, again, once_more) = (
        desk.path("first.jpg"),
        desk.path("again.jpg"),
        desk.path("more.jpg"),
    );
    let edited = desk.edit(&["--out", &first]);
    let task = named(&said(&edited));

    let fetched = desk.run(&["download", &task, "--out", &again]);
    let url = [
        "download",
        &task,
        "--url",
        &desk.served.base_url,
        "--out",
        &once_more,
    ];
    let by_token = process::run_with(&url, &[("FLUXGATE_TOKEN", &desk.token())]);

    assert_eq!(paths(&edited), [PathBuf::from(&first)]);
    assert_eq!(
        (paths(&fetched), paths(&by_token)),
        (vec![again.clone().into()], vec![once_more.clone().into()])
    );
    let picture = std::fs::read(&first).unwrap();
    assert!(image::load_from_memory(&picture).is_ok());
    assert_eq!(
        (
            std::fs::read(&again).unwrap(),
            std::fs::read(&once_more).unwrap()
        ),
        (picture.clone(), picture.clone())
    );
    std::fs::write(&again, "changed").unwrap();
    refused(
        &desk.run(&["download", &task, "--out", &again]),
        "overwrite it with --force",
    );
    assert_eq!(std::fs::read(&again).unwrap(), b"changed");
    paths(&desk.run(&["download", &task, "--out", &again, "--force"]));
    assert_eq!(std::fs::read(&again).unwrap(), picture);
    fails(&desk.run(&["download", &"0".repeat(32)]), 4, "HTTP 404");
    assert_eq!(
        std::fs::read_dir(desk.folder.path()).unwrap().count(),
        4,
        "nothing else was left behind"
    );
}

#[tokio::test]
async fn a_link_stays_a_link_and_a_device_a_device() {
    let desk = Desk::new().await;
    let edited = desk.edit(&["--out", &desk.path("first.jpg")]);
    let task = named(&said(&edited));
    let (target, link) = (desk.path("target.jpg"), desk.path("link.jpg"));
    std::fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();

    refused(&desk.run(&["download", &task, "--out", &link]), "--force");
    paths(&desk.run(&["download", &task, "--out", &link, "--force"]));
    paths(&desk.run(&["download", &task, "--out", "/dev/null"]));

    assert!(Path::new(&link).symlink_metadata().unwrap().is_symlink());
    assert_eq!(
        std::fs::read(&target).unwrap(),
        std::fs::read(desk.path("first.jpg")).unwrap()
    );
    assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
}

#[tokio::test]
async fn all_outputs_of_a_task_are_fetched() {
    let desk = Desk::new().await;
    let tenant = TestTenant::new("acme".parse().unwrap(), &desk.served.base_url, desk.token());
    let answer = tenant
        .post(
            "/api/v3/wavespeed-ai/flux-dev",
            &json!({ "prompt": "dunes", "num_images": 2 }),
        )
        .await;
    let task = answer.text("/data/id");

    let fetched = desk.run(&[
        "download",
        &task,
        "--out",
        &desk.path("dunes.png"),
        "--wait",
        "60",
    ]);

    assert_eq!(
        paths(&fetched),
        [
            PathBuf::from(desk.path("dunes-0.png")),
            PathBuf::from(desk.path("dunes-1.png"))
        ]
    );
    for path in paths(&fetched) {
        assert!(image::load_from_memory(&std::fs::read(path).unwrap()).is_ok());
    }
}

#[tokio::test]
async fn an_output_without_a_link_is_named_and_not_downloaded() {
    let desk = Desk::new().await;
    let set = [
        "destination",
        "set",
        "acme",
        "--outputs",
        "s3",
        "--data",
        &desk.served.data,
    ];
    let set = process::run(&set);
    assert!(set.status.success(), "{}", said(&set));

    let edited = desk.edit(&["--out", &desk.path("out.jpg")]);

    assert_eq!(edited.status.code(), Some(0), "{}", said(&edited));
    let place = String::from_utf8_lossy(&edited.stdout).trim().to_owned();
    assert!(place.starts_with("s3://fluxgate-acme/"), "{place}");
    let hint = format!("aws s3 cp {place} .");
    assert!(said(&edited).contains(&hint), "{}", said(&edited));
    let task = named(&said(&edited));
    let downloaded = desk.run(&["download", &task, "--out", &desk.path("out.jpg")]);
    refused(&downloaded, &hint);
    assert!(
        !said(&downloaded).contains("builder"),
        "{}",
        said(&downloaded)
    );
}
