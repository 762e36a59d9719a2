//! What a crash, a full disk and an older release leave, and what listings show.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fluxgate_core::port::SystemClock;
use futures::FutureExt as _;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::days::Days;
use super::file_queue::Wanted;
use super::*;

const BUCKET: &str = "tenant-acme";

struct Local {
    folder: TempDir,
    objects: Objects,
}

/// Objects in a folder of their own, with one bucket.
fn local() -> Local {
    let folder = tempfile::tempdir().unwrap();
    create_bucket(folder.path(), BUCKET).unwrap();
    let objects = opened(&folder);
    Local { folder, objects }
}

fn opened(folder: &TempDir) -> Objects {
    let rows = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
    Objects::open(folder.path(), rows).unwrap()
}

fn name(key: &str) -> ObjectName {
    ObjectName::new(BUCKET, key)
}

fn writing(key: &str, bytes: &'static [u8], only_if_free: bool) -> Writing {
    Writing {
        name: name(key),
        content: Content::Memory(Bytes::from_static(bytes)),
        bytes: bytes.len() as u64,
        attributes: Attributes::default(),
        only_if_free,
    }
}

impl Local {
    async fn put(&self, key: &str, bytes: &'static [u8]) {
        let put = self.objects.put(writing(key, bytes, false)).await.unwrap();
        assert!(matches!(put, Put::Published));
        self.objects.commit(&name(key), false).await.unwrap();
    }

    async fn put_new(&self, key: &str, bytes: &'static [u8]) -> io::Result<Put> {
        self.objects.put(writing(key, bytes, true)).await
    }

    fn read(&self, key: &str) -> Option<Vec<u8>> {
        let file = self.objects.file(BUCKET, key).unwrap()?;
        Some(std::fs::read(file).unwrap())
    }

    /// The files of all objects, whether or not they have rows.
    fn files(&self) -> Vec<PathBuf> {
        let days = std::fs::read_dir(self.objects.inner.folder.objects()).unwrap();
        let files = days.flat_map(|day| std::fs::read_dir(day.unwrap().path()).unwrap());
        files.map(|file| file.unwrap().path()).collect()
    }

    async fn list(&self, prefix: &str, delimiter: Option<&str>, limit: usize) -> Vec<String> {
        let mut listing = Listing {
            bucket: BUCKET.to_owned(),
            prefix: prefix.to_owned(),
            delimiter: delimiter.map(str::to_owned),
            after: String::new(),
            limit,
        };
        let mut pages = Vec::new();
        loop {
            let page = self.objects.list(&listing).await.unwrap();
            let keys = page.objects.into_iter().map(|entry| entry.key);
            let mut all: Vec<String> = keys.chain(page.groups).collect();
            all.sort();
            pages.push(all.join(" "));
            match page.next {
                Some(next) => listing.after = next,
                None => return pages,
            }
        }
    }
}

async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_file_that_a_crash_left_is_removed_by_the_next_start_and_no_object_is() {
    let local = local();
    local.put("a.png", b"picture").await;
    let now = local.objects.inner.store.now();
    let content = Content::Memory(Bytes::from_static(b"never published"));
    let left = local.objects.inner.files.write(now, "b.png", content).await;
    left.unwrap().keep();
    let left = local.files();
    assert_eq!(left.len(), 2);
    let theirs = left[0].with_file_name("notes.txt");
    std::fs::write(&theirs, "not ours").unwrap();

    let again = Local {
        objects: opened(&local.folder),
        folder: local.folder,
    };

    eventually("the leftover is removed", || again.files().len() == 2).await;
    assert_eq!(again.read("a.png").unwrap(), b"picture");
    assert!(theirs.exists());
    again.put_new("b.png", b"next try").await.unwrap();
    assert_eq!(again.read("b.png").unwrap(), b"next try");
}

#[tokio::test]
async fn an_object_is_read_at_once_and_listed_once_its_row_is_committed() {
    let local = local();
    local.put_new("a.png", b"picture").await.unwrap();

    assert_eq!(local.read("a.png").unwrap(), b"picture");
    let rows = SqliteStore::open_to_read(local.folder.path(), Arc::new(SystemClock)).unwrap();
    let is_committed = || rows.object_at_once(&name("a.png")).unwrap().is_some();
    assert!(!is_committed());
    assert_eq!(local.list("", None, 10).await, [""]);
    eventually("nobody names it, and its row is committed", is_committed).await;
    assert_eq!(local.list("", None, 10).await, ["a.png"]);
}

#[tokio::test]
async fn of_an_object_that_was_replaced_or_removed_no_file_stays() {
    let local = local();
    local.put("a.png", b"first").await;

    local.put("a.png", b"second").await;

    assert_eq!(local.read("a.png").unwrap(), b"second");
    assert_eq!(local.files().len(), 1);
    local.objects.remove(&name("a.png")).await.unwrap();
    assert_eq!(local.read("a.png"), None);
    assert_eq!(local.files(), Vec::<PathBuf>::new());
    local.objects.remove(&name("a.png")).await.unwrap();
}

#[tokio::test]
async fn a_key_whose_file_somebody_removed_is_free() {
    let local = local();
    local.put("a.png", b"first").await;
    std::fs::remove_file(&local.files()[0]).unwrap();

    let put = local.put_new("a.png", b"again").await.unwrap();

    assert!(matches!(put, Put::Published));
    assert_eq!(local.read("a.png").unwrap(), b"again");
}

#[tokio::test]
async fn a_write_that_fails_leaves_nothing_and_its_key_free() {
    let local = local();
    let files = local.objects.inner.folder.objects();
    std::fs::remove_dir(&files).unwrap();
    std::fs::write(&files, "in the way").unwrap();

    local.put_new("a.png", b"picture").await.unwrap_err();

    assert_eq!(local.read("a.png"), None);
    std::fs::remove_file(&files).unwrap();
    std::fs::create_dir(&files).unwrap();
    let put = local.put_new("a.png", b"picture").await.unwrap();
    assert!(matches!(put, Put::Published));
    assert_eq!(
        (local.files().len(), local.read("a.png").is_some()),
        (1, true)
    );
}

#[tokio::test]
async fn a_day_s_folder_that_somebody_removed_is_made_again() {
    let local = local();
    local.put("a.png", b"picture").await;
    let day = local.files()[0].parent().unwrap().to_owned();
    std::fs::remove_dir_all(day).unwrap();

    let first = local.put_new("b.png", b"picture").await;
    let second = local.put_new("c.png", b"picture").await;

    assert!(first.is_err() && second.is_ok());
}

#[tokio::test]
async fn a_large_output_is_moved_into_place_and_not_copied() {
    use std::os::unix::fs::MetadataExt as _;
    let local = local();
    let spooled = tempfile::NamedTempFile::new_in(local.objects.incoming()).unwrap();
    std::fs::write(spooled.path(), b"large").unwrap();
    let inode = spooled.as_file().metadata().unwrap().ino();
    let content = Content::File(Box::new(spooled.into_temp_path()));

    let writing = Writing {
        content,
        ..writing("a.mp4", b"large", true)
    };
    local.objects.put(writing).await.unwrap();

    assert_eq!(local.read("a.mp4").unwrap(), b"large");
    assert_eq!(local.files()[0].metadata().unwrap().ino(), inode);
    let mut incoming = std::fs::read_dir(local.objects.incoming()).unwrap();
    assert!(incoming.next().is_none());
}

/// As releases before this one stored an object: its file at its key, its attributes as JSON.
fn lay_as_earlier(local: &Local, key: &str, bytes: &[u8]) {
    let plain = local.objects.inner.folder.plain(&name(key)).unwrap();
    for path in [&plain.file, &plain.attributes] {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    }
    std::fs::write(plain.file, bytes).unwrap();
    let attributes = serde_json::json!({
        "key": key, "sha256": "LOonTQvtw57Eq2up5Z7IiePtb7VqHPCIpk2bODN43Jc=",
        "content_type": "image/png", "content_disposition": null, "content_encoding": null,
        "cache_control": null, "metadata": { "sha256": "2cea" },
    });
    std::fs::write(plain.attributes, attributes.to_string()).unwrap();
}

#[tokio::test]
async fn objects_of_an_earlier_release_are_read_listed_kept_replaced_and_removed() {
    let local = local();
    local.put("flux/b.png", b"new").await;
    for key in ["flux/a.png", "flux/c.png"] {
        lay_as_earlier(&local, key, b"picture");
    }
    std::fs::write(local.folder.path().join(BUCKET).join("by-hand.txt"), "x").unwrap();

    let found = local
        .objects
        .find(&name("flux/a.png"))
        .await
        .unwrap()
        .unwrap();
    let taken = local.put_new("flux/a.png", b"another").await.unwrap();
    let by_hand = local.put_new("by-hand.txt", b"another").await.unwrap();
    local.put("flux/c.png", b"replaced").await;

    assert_eq!(found.attributes.content_type(), "image/png");
    assert_eq!(
        (found.bytes, found.attributes.metadata["sha256"].as_str()),
        (7, "2cea")
    );
    assert!(matches!(taken, Put::Taken(there) if there.attributes.digest().is_some()));
    assert!(matches!(by_hand, Put::Taken(there) if there.attributes.digest().is_none()));
    assert_eq!(local.read("flux/a.png").unwrap(), b"picture");
    assert_eq!(local.read("flux/c.png").unwrap(), b"replaced");
    let all = "by-hand.txt flux/a.png flux/b.png flux/c.png";
    assert_eq!(local.list("", None, 10).await, [all]);
    for key in ["flux/a.png", "flux/c.png", "by-hand.txt"] {
        local.objects.remove(&name(key)).await.unwrap();
        assert_eq!(local.read(key), None, "{key}");
    }
    let attributes = local
        .folder
        .path()
        .join(".fluxgate/attributes")
        .join(BUCKET);
    assert_eq!(std::fs::read_dir(attributes).unwrap().count(), 0);
}

#[tokio::test]
async fn a_listing_goes_through_all_keys_in_order_by_pages_and_by_groups() {
    let local = local();
    for key in ["a/1.png", "a/2/x.png", "b.png", "c/1.png", "ä.png"] {
        local.put(key, b"picture").await;
    }
    lay_as_earlier(&local, "a/3.png", b"picture");
    lay_as_earlier(&local, "d/1.png", b"picture");

    let by_two = local.list("", None, 2).await;
    let groups = local.list("", Some("/"), 2).await;
    let below = local.list("a/", Some("/"), 10).await;

    assert_eq!(
        by_two,
        [
            "a/1.png a/2/x.png",
            "a/3.png b.png",
            "c/1.png d/1.png",
            "ä.png"
        ]
    );
    assert_eq!(groups, ["a/ b.png", "c/ d/", "ä.png"]);
    assert_eq!(below, ["a/1.png a/2/ a/3.png"]);
    assert_eq!(local.list("nothing", None, 2).await, [""]);
}

/// A spooled output that is not there before the other end says so, or is gone.
struct Late(PathBuf, Mutex<Receiver<()>>);

impl AsRef<Path> for Late {
    fn as_ref(&self) -> &Path {
        let _ = self.1.lock().unwrap().recv();
        &self.0
    }
}

#[tokio::test]
async fn large_files_do_not_hold_up_small_ones() {
    let local = local();
    let mut ready = Vec::new();
    let large = (0..20).map(|n| {
        let path = local.objects.incoming().join(n.to_string());
        std::fs::write(&path, b"film").unwrap();
        let (sender, receiver) = channel();
        ready.push(sender);
        let content = Content::File(Box::new(Late(path, Mutex::new(receiver))));
        let writing = Writing {
            content,
            ..writing(&format!("{n}.mp4"), b"film", true)
        };
        let objects = local.objects.clone();
        tokio::spawn(async move { objects.put(writing).await.unwrap() })
    });
    let large: Vec<_> = large.collect();
    tokio::task::yield_now().await;

    local.put_new("a.png", b"picture").await.unwrap();

    assert_eq!(local.read("a.png").unwrap(), b"picture");
    assert!(local.objects.file(BUCKET, "0.mp4").unwrap().is_none());
    drop(ready);
    for put in large {
        assert!(matches!(put.await.unwrap(), Put::Published));
    }
    assert_eq!(local.read("19.mp4").unwrap(), b"film");
}

#[tokio::test]
async fn nothing_is_left_of_a_file_whose_caller_has_gone() {
    let local = local();

    for n in 0..20 {
        let key = format!("{n}.png");
        let put = local.put_new(&key, b"picture");
        // One look begins it, and no other follows.
        assert!(put.now_or_never().is_none());
    }

    local.put_new("last.png", b"picture").await.unwrap();
    eventually("the others are removed", || local.files().len() == 1).await;
}

#[tokio::test]
async fn a_group_s_folder_is_synced_once_for_all() {
    let local = local();
    let days = Days::new(&local.objects.inner.folder, FileId(1));
    let (mut group, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let (answer, answered) = oneshot::channel();
        group.push(Wanted {
            now: local.objects.inner.store.now(),
            key: "a.png".to_owned(),
            content: Content::Memory(Bytes::from_static(b"picture")),
            answer,
        });
        answers.push(answered);
    }
    drop(answers.pop());

    days.write(group);

    // Seven files, their folder, and the one that it was made in.
    assert_eq!(days.syncs(), 7 + 1 + 1);
    for answered in answers {
        answered.await.unwrap().unwrap().keep();
    }
    assert_eq!(local.files().len(), 7);
}
