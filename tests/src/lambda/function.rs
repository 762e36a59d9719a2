//! One function: its processes, started as Lambda starts them and started again when they end.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::runtime_api::{Outcome, RuntimeApi};

/// A function as it is deployed: a binary, its environment and its time-out.
#[derive(Clone)]
pub struct Function {
    name: String,
    api: RuntimeApi,
    processes: Arc<Processes>,
    invocations: Arc<AtomicUsize>,
}

struct Processes {
    binary: PathBuf,
    environment: BTreeMap<String, String>,
    folder: TempDir,
    running: Mutex<Vec<Child>>,
    started: AtomicUsize,
}

impl Function {
    /// Starts `concurrency` processes of the binary `name` with this environment and no other.
    pub async fn start(
        name: &str,
        environment: BTreeMap<String, String>,
        timeout: Duration,
        concurrency: usize,
    ) -> Self {
        let api = RuntimeApi::start(timeout).await;
        let environment = platform(name, &api)
            .into_iter()
            .chain(environment)
            .collect();
        let processes = Arc::new(Processes {
            binary: binary(name),
            environment,
            folder: tempfile::tempdir().unwrap(),
            running: Mutex::default(),
            started: AtomicUsize::new(0),
        });
        for _ in 0..concurrency {
            processes.spawn();
        }
        Self {
            name: name.to_owned(),
            api,
            processes,
            invocations: Arc::default(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends one event. An error is what Lambda would report: of the function, or that it ended or
    /// took too long.
    pub async fn invoke(&self, event: Value) -> Outcome {
        self.processes.restart_ended();
        let n = self.invocations.fetch_add(1, Ordering::Relaxed);
        let watch = self.watch_for_death();
        let outcome = self.api.invoke(&format!("{}-{n}", self.name), event).await;
        watch.abort();
        outcome
    }

    /// A process that dies with an event in hand fails it at once.
    fn watch_for_death(&self) -> tokio::task::JoinHandle<()> {
        let (processes, api) = (self.processes.clone(), self.api.clone());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if processes.restart_ended() {
                    api.fail_running();
                }
            }
        })
    }

    /// SIGKILL for every process, as a crash of the sandbox; new ones follow.
    pub fn kill(&self) {
        self.processes.kill();
        self.api.fail_running();
        self.processes.restart_ended();
    }

    /// How often it was invoked.
    pub fn invocations(&self) -> usize {
        self.invocations.load(Ordering::Relaxed)
    }

    /// How often a process became ready for an event.
    pub fn polls(&self) -> usize {
        self.api.polls()
    }

    /// How many processes were started.
    pub fn processes(&self) -> usize {
        self.processes.started.load(Ordering::Relaxed)
    }

    /// Where its processes write temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.processes.temporary()
    }

    /// Everything its processes printed.
    pub fn log(&self) -> String {
        let read = |n| std::fs::read_to_string(self.processes.log_path(n)).unwrap_or_default();
        (0..self.processes()).map(read).collect()
    }
}

/// As `cargo` built it for the tests, or as `infra/artifact` says: what is deployed.
fn binary(name: &str) -> PathBuf {
    match std::env::var_os("TEST_FUNCTIONS") {
        Some(folder) => PathBuf::from(folder).join(name).join("bootstrap"),
        None => crate::process::binary_named(name),
    }
}

/// What the platform sets for every function.
fn platform(name: &str, api: &RuntimeApi) -> BTreeMap<String, String> {
    let variables = [
        ("AWS_LAMBDA_RUNTIME_API", api.addr().to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ];
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

impl Processes {
    fn spawn(&self) {
        let n = self.started.fetch_add(1, Ordering::Relaxed);
        let log = File::create(self.log_path(n)).unwrap();
        std::fs::create_dir_all(self.temporary()).unwrap();
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .envs(&self.environment)
            .env("TMPDIR", self.temporary())
            .stdin(Stdio::null());
        let child = command
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        self.running.lock().unwrap().push(child);
    }

    /// It outlives a process, as it does on Lambda.
    fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    fn log_path(&self, n: usize) -> PathBuf {
        self.folder.path().join(format!("{n}.log"))
    }

    /// True when one had ended.
    fn restart_ended(&self) -> bool {
        let mut running = self.running.lock().unwrap();
        let before = running.len();
        running.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let ended = before - running.len();
        drop(running);
        (0..ended).for_each(|_| self.spawn());
        ended > 0
    }

    fn kill(&self) {
        for child in self.running.lock().unwrap().iter_mut() {
            child.kill().expect("the process can be killed");
            child.wait().expect("the process ends");
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.kill();
    }
}
