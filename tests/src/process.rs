//! The `fluxgate` binary as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::eventually;

/// The binary that `tests/run` builds before the tests.
pub fn binary() -> PathBuf {
    binary_named("fluxgate")
}

/// The binary of this name that `tests/run` builds before the tests.
pub fn binary_named(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("a test lies in target/<profile>/deps");
    let binary = folder.join(name);
    assert!(
        binary.is_file(),
        "{} is missing: run the tests by tests/run",
        binary.display()
    );
    binary
}

/// The Python that `tests/run` installs, with what `tests/requirements.txt` names.
pub fn python() -> String {
    installed("TEST_PYTHON")
}

/// The folder of the packages that `tests/clients/package.json` names.
pub fn node_modules() -> String {
    installed("TEST_NODE_MODULES")
}

fn installed(variable: &str) -> String {
    let found = std::env::var(variable);
    found.unwrap_or_else(|_| panic!("{variable} is not set: run the tests by tests/run"))
}

/// Runs a command to its end, without any setting of this environment.
pub fn run(args: &[&str]) -> Output {
    run_with(args, &[])
}

/// The same with these variables and no other of ours.
pub fn run_with(args: &[&str], env: &[(&str, &str)]) -> Output {
    command(args)
        .envs(env.iter().copied())
        .output()
        .expect("the binary runs")
}

/// The same, not yet run.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    clean(&mut command).args(args).stdin(Stdio::null());
    command
}

/// Runs a script in the folder, with these variables and `fluxgate` on the PATH; answers its
/// standard output. Fails when it fails.
pub fn bash(folder: &Path, env: &[(&str, &str)], script: &str) -> String {
    let binaries = binary().parent().expect("a file is in a folder").to_owned();
    let script_with_path = format!("PATH={}:$PATH\n{script}", binaries.display());
    let mut command = Command::new("bash");
    clean(&mut command)
        .args(["-euo", "pipefail", "-c", &script_with_path])
        .current_dir(folder)
        .envs(env.iter().copied());
    let output = command.output().expect("bash runs");
    assert!(
        output.status.success(),
        "{script}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("a script prints text")
}

fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FLUXGATE_") || name == "WAVESPEED_API_KEY" {
            command.env_remove(name);
        }
    }
    command
}

/// What `fluxgate serve` says on stderr up to the line that holds `wanted`; then it is killed.
/// Fails when it ends before.
pub fn serve_until_it_says(args: &[&str], env: &[(&str, &str)], wanted: &str) -> String {
    use std::io::{BufRead as _, BufReader};
    let mut command = Command::new(binary());
    clean(&mut command)
        .arg("serve")
        .args(args)
        .envs(env.iter().copied());
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut process = FluxgateProcess(child.expect("the binary runs"));
    let stderr = process.0.stderr.take().expect("stderr is piped");
    let mut said = String::new();
    for line in BufReader::new(stderr).lines() {
        said.push_str(&line.expect("stderr is text"));
        said.push('\n');
        if said.contains(wanted) {
            return said;
        }
    }
    panic!("it ended without '{wanted}': {said}");
}

/// A running `fluxgate serve`, killed with the test.
pub struct FluxgateProcess(Child);

impl FluxgateProcess {
    /// Starts it and waits until `/healthz` of `base_url` answers.
    pub async fn serve(args: &[&str], env: &[(&str, &str)], base_url: &str) -> Self {
        let quiet = std::env::var_os("TEST_LOG").is_none();
        Self::serve_saying(
            args,
            env,
            base_url,
            if quiet {
                Stdio::null()
            } else {
                Stdio::inherit()
            },
        )
        .await
    }

    /// The same, with a stderr of the test's.
    pub async fn serve_saying(
        args: &[&str],
        env: &[(&str, &str)],
        base_url: &str,
        stderr: Stdio,
    ) -> Self {
        let mut command = Command::new(binary());
        clean(&mut command)
            .arg("serve")
            .args(args)
            .envs(env.iter().copied())
            .stderr(stderr);
        Self::start(command, base_url).await
    }

    /// The same with a stderr of the test's, until it answers this client.
    pub async fn serve_for(
        args: &[&str],
        base_url: &str,
        client: &reqwest::Client,
        stderr: Stdio,
    ) -> Self {
        let mut command = Command::new(binary());
        clean(&mut command).arg("serve").args(args).stderr(stderr);
        Self::start_for(command, base_url, client).await
    }

    /// The same under a limit of open files, such as `-n 256` or, for the soft one, `-Sn 256`.
    pub async fn serve_under(ulimit: &str, args: &[&str], base_url: &str) -> Self {
        let mut command = Command::new("sh");
        clean(&mut command)
            .arg("-c")
            .arg(format!("ulimit {ulimit} && exec \"$0\" \"$@\""))
            .arg(binary());
        command.arg("serve").args(args).stderr(Stdio::null());
        Self::start(command, base_url).await
    }

    async fn start(command: Command, base_url: &str) -> Self {
        Self::start_for(command, base_url, &reqwest::Client::new()).await
    }

    async fn start_for(mut command: Command, base_url: &str, http: &reqwest::Client) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let child = std::cell::RefCell::new(child);
        let health = format!("{base_url}/healthz");
        eventually("the gateway's /healthz", || async {
            assert!(
                child
                    .borrow_mut()
                    .try_wait()
                    .expect("the process can be asked")
                    .is_none(),
                "fluxgate serve ended by itself"
            );
            http.get(&health)
                .send()
                .await
                .ok()
                .filter(|response| response.status() == 200)
                .map(drop)
        })
        .await;
        Self(child.into_inner())
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub fn kill(mut self) {
        self.0.kill().expect("the process is alive");
        self.0.wait().expect("the process ends");
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// The exit code after SIGTERM.
    pub fn terminate(mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .expect("kill runs");
        assert!(sent.success(), "the process could not be signalled");
        self.0.wait().expect("the process ends").code()
    }
}

impl Drop for FluxgateProcess {
    fn drop(&mut self) {
        // Most tests have ended it already.
        if matches!(self.0.try_wait(), Ok(None)) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
}
