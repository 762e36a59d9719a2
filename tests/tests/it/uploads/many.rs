//! Uploads cost a process what is on its way at a moment, not what they weigh.

use fluxgate_emulator::Emulator;
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::serve_alone::serve_alone;
use futures::future::join_all;

use super::{repeated_file, upload};

const MIB: usize = 1024 * 1024;
const AT_ONCE: usize = 10;
const FILE_BYTES: usize = 20 * MIB;
/// Of 200 MiB that pass.
const MORE_KB_MAX: u64 = 40 * 1024;

/// In KB: what the process has now, and the most that it has had.
fn memory(id: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().split_whitespace().next().unwrap();
        number.parse().unwrap()
    };
    (number("VmRSS:"), number("VmHWM:"))
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn many_uploads_at_once_need_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let (process, tenant) = serve_alone(&data, &emulator).await;
    tenant.upload().await;
    let before = memory(process.id());

    let uploads = join_all((0..AT_ONCE).map(|_| upload(&tenant, repeated_file(FILE_BYTES))));
    let (uploads, small) = tokio::join!(uploads, tenant.upload());

    let after = memory(process.id());
    for answer in uploads {
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert_eq!(answer.body["data"]["size"], FILE_BYTES);
    }
    assert!(!small.is_empty());
    let more_kb = after.1.max(before.1) - before.0;
    eprintln!("{AT_ONCE} uploads of {FILE_BYTES} bytes at once: {more_kb} KB more memory");
    assert!(more_kb <= MORE_KB_MAX, "{more_kb} KB more");
}
