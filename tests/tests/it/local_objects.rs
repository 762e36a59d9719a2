//! Objects in the local buckets: durable with the task that names them, whoever wrote them, and
//! wherever it was cut off.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use fluxgate_core::digest::sha256;
use fluxgate_core::port::{NewObject, ObjectBody, ObjectStore as _, SystemClock};
use fluxgate_core::task::{Signal, transition};
use fluxgate_core::tenant::Destination;
use fluxgate_embedded::SqliteStore;
use fluxgate_embedded::objects::{FolderObjectStore, Objects, create_bucket};
use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_tests::contract::{Stores, now};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::other_provider::entry;
use fluxgate_tests::{Gateway, OtherProvider, OutputFile, TestTenant, eventually, process};
use rusqlite::Connection;
use serde_json::json;

use crate::crash::{Installation, install, install_before};

fn database(folder: &Path) -> Connection {
    Connection::open(folder.join("fluxgate.db")).unwrap()
}

/// The digest of these bytes.
fn hex(bytes: &[u8]) -> String {
    let digest = sha256(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn count(database: &Connection, sql: &str) -> i64 {
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_change_that_names_an_object_commits_the_object_s_row_too() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("s3");
    let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
    let stores = Stores::on(store.clone());
    let bucket = FolderObjectStore::new(Objects::open(&root, store).unwrap());
    create_bucket(&root, "tenant-acme").unwrap();
    let tenant = stores.funded(1).await;
    let task = stores.archiving(&tenant).await;
    let destination = Destination {
        bucket: "tenant-acme".to_owned(),
        ..Destination::default()
    };
    let object = NewObject {
        key: "0.png".to_owned(),
        body: ObjectBody::Memory(Bytes::from_static(b"picture")),
        bytes: 7,
        sha256: sha256(b"picture"),
        content_type: "image/png".to_owned(),
        content_disposition: None,
        provider_type: None,
    };
    let stored = bucket.put_new(&tenant, &destination, object).await.unwrap();
    let outputs = vec![stored.output()];
    let change = transition(&task, Signal::Archived { outputs }, now()).unwrap();

    stores.tasks.apply(&change).await.unwrap();

    let committed = "SELECT count(*) FROM objects WHERE bucket = 'tenant-acme' AND key = '0.png'";
    assert_eq!(count(&database(folder.path()), committed), 1);
}

#[tokio::test]
async fn a_disk_that_takes_no_object_is_waited_for_and_nothing_half_written_is_seen() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let data = gateway.server.folder().path.clone();
    let objects = data.join("s3/.fluxgate/objects");
    fs::remove_dir(&objects).unwrap();
    fs::write(&objects, "in the way").unwrap();

    let task = tenant.submit(&tenant.inputs().await).await;
    eventually("a refusal in the timeline", || async {
        let timeline = tenant.timeline(&task).await.to_string();
        timeline.contains("bucket_unavailable: ").then_some(())
    })
    .await;
    assert_eq!(count(&database(&data), "SELECT count(*) FROM objects"), 0);
    fs::remove_file(&objects).unwrap();
    fs::create_dir(&objects).unwrap();

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(files(&objects).len(), 1);
    gateway.stop().await;
}

/// Lays every object where releases before this one had it: its file at its key, its attributes as
/// JSON, and no row.
fn lay_as_earlier(data: &Path) {
    let database = database(data);
    let sql = "SELECT bucket, key, printf('%016x', id), attributes FROM objects";
    let mut rows = database.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| {
        Ok([
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get::<_, String>(3)?,
        ])
    });
    let private = data.join("s3/.fluxgate");
    for row in rows.unwrap() {
        let [bucket, key, id, attributes] = row.unwrap();
        let plain = data.join("s3").join(&bucket).join(&key);
        let name = format!("{}.json", hex(key.as_bytes()));
        let beside = private.join("attributes").join(&bucket).join(name);
        for path in [&plain, &beside] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
        }
        let files = files(&private.join("objects"));
        let file = files
            .iter()
            .find(|file| file.to_string_lossy().contains(&id));
        fs::rename(file.unwrap(), plain).unwrap();
        fs::write(beside, attributes).unwrap();
    }
    database.execute("DELETE FROM objects", []).unwrap();
}

fn add_tenant(data: &Path, installation: &Installation) -> TestTenant {
    let at = ["--data", data.to_str().unwrap()];
    let add = ["tenants", "add", "acme", "--balance", "9"];
    assert!(process::run(&[&add[..], &at].concat()).status.success());
    let token = process::run(&[&["token", "acme"][..], &at].concat()).stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    TestTenant::new("acme".parse().unwrap(), &installation.base_url, token)
}

/// The limit on a file's size, which the database does not reach, stands in for a full disk: a
/// write fails half way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_holds_a_copy_up_and_leaves_nothing_half_written() {
    const LIMIT: &str = "-Sf 3800";
    let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01".to_vec();
    picture.resize(2_000_000, 0);
    let provider = OtherProvider::start(vec![entry("acme-ai/pictures", "text-to-image")]).await;
    provider.put_file("large.png", OutputFile::new("image/png", picture.clone()));
    provider.produce(json!(["file:large.png"]));
    let folder = tempfile::tempdir().unwrap();
    let installation = install_before(folder.path(), &provider.base_url, "a-key-of-theirs");
    let data = folder.path().join("data");
    let tenant = add_tenant(&data, &installation);
    let process = installation.start_under(LIMIT).await;
    let answer = tenant
        .post("/api/v3/acme-ai/pictures", &json!({ "prompt": "dunes" }))
        .await;
    let task = answer.text("/data/id");
    eventually("a refusal in the timeline", || async {
        let timeline = tenant.timeline(&task).await.to_string();
        timeline.contains("bucket_unavailable: ").then_some(())
    })
    .await;
    let objects = data.join("s3/.fluxgate/objects");
    assert_eq!(files(&objects).len(), 0);
    process.kill();

    let process = installation.start().await;

    let prediction = tenant.ended(&task).await;
    assert_eq!(prediction["status"], "completed");
    let url = prediction["outputs"][0].as_str().unwrap();
    assert!(tenant.download(url).await == picture);
    assert_eq!(files(&objects).len(), 1);
    process.kill();
}

/// The files of all objects, whether or not they have rows.
fn files(objects: &Path) -> Vec<PathBuf> {
    let days = fs::read_dir(objects).unwrap();
    let files = days.flat_map(|day| fs::read_dir(day.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_an_earlier_release_serves_its_objects_however_often_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(EmulatorConfig {
        run_time: Duration::from_millis(30),
        ..emulator_config()
    })
    .await
    .unwrap();
    let installation = install(folder.path(), &emulator);
    let data = folder.path().join("data");
    let tenant = add_tenant(&data, &installation);
    let process = installation.start().await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    process.kill();
    lay_as_earlier(&data);

    for _ in 0..3 {
        installation.start().await.kill();
    }
    let process = installation.start().await;

    let prediction = tenant.result(&task).await;
    let url = prediction["outputs"][0].as_str().unwrap();
    let read = tenant.http().get(url).send().await.unwrap();
    assert_eq!(read.status(), 200);
    let object = &prediction["objects"][0];
    let content_type = object["content_type"].as_str().unwrap();
    assert_eq!(read.headers()["content-type"], content_type);
    let digest = hex(&read.bytes().await.unwrap());
    assert_eq!(object["sha256"], json!(digest));
    let another = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&another).await["status"], "completed");
    process.kill();
}
