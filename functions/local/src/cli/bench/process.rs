//! A process under measurement, ended by its own process id, and what the kernel counts of it.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::resident::Resident;

/// Of `utime` and `stime` in `/proc/PID/stat`, on every Linux.
const US_PER_TICK: u64 = 10_000;

/// A child process that ends with its owner.
pub(super) struct Process(Child);

/// What a process has used since it started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    pub(super) cpu_us: u64,
    /// Handed to the disk.
    pub(super) written_bytes: u64,
}

impl Process {
    /// This program with these arguments.
    pub(super) fn start(args: &[&str], env: &[(&str, &str)]) -> Result<Self> {
        Self::spawn(this_program()?.args(args).envs(env.iter().copied()))
    }

    /// Any program, silent.
    pub(super) fn spawn(command: &mut Command) -> Result<Self> {
        let silent = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = silent
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self(child))
    }

    /// Whether it ended with exit code 0; `None` while it runs.
    pub(super) fn ended_well(&mut self) -> Result<Option<bool>> {
        Ok(self.0.try_wait()?.map(|status| status.success()))
    }

    pub(super) fn used(&self) -> Result<Used> {
        let stat = self.read("stat")?;
        // After the name, which may contain anything.
        let (_, fields) = stat.rsplit_once(") ").context("/proc/PID/stat is odd")?;
        let ticks = |n: usize| -> Result<u64> {
            let field = fields.split(' ').nth(n).unwrap_or_default();
            field.parse().context("/proc/PID/stat is odd")
        };
        let io = self.read("io")?;
        let written = field(&io, "write_bytes:").context("/proc/PID/io is odd")?;
        Ok(Used {
            cpu_us: (ticks(11)? + ticks(12)?) * US_PER_TICK,
            written_bytes: written,
        })
    }

    /// Peak memory in MB (`VmHWM`).
    pub(super) fn peak_memory_mb(&self) -> Result<f64> {
        mb(&self.read("status")?, "VmHWM:")
    }

    /// Memory now.
    pub(super) fn resident(&self) -> Result<Resident> {
        let status = self.read("status")?;
        Ok(Resident {
            all_mb: mb(&status, "VmRSS:")?,
            own_mb: mb(&status, "RssAnon:")?,
            file_mb: mb(&status, "RssFile:")?,
        })
    }

    /// How many files and sockets it has open.
    pub(super) fn open_files(&self) -> Result<usize> {
        let folder = std::fs::read_dir(format!("/proc/{}/fd", self.0.id()));
        Ok(folder
            .context("open files are only known on Linux")?
            .count())
    }

    fn read(&self, name: &str) -> Result<String> {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.0.id()))
            .with_context(|| format!("/proc/PID/{name} cannot be read: this needs Linux"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have exited already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs this program to its end: what it is given on its input, and what it said.
pub(super) async fn run_to_end(
    args: &[&str],
    env: &[(&str, &str)],
    input: String,
) -> Result<String> {
    let mut command = this_program()?;
    command.args(args).envs(env.iter().copied());
    tokio::task::spawn_blocking(move || to_end(command, &input)).await?
}

fn to_end(mut command: Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("the child has no input")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn this_program() -> Result<Command> {
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    Ok(Command::new(program))
}

/// Memory in `/proc/PID/status`.
fn mb(status: &str, name: &str) -> Result<f64> {
    let kib = field(status, name).context("the kernel does not report memory")?;
    Ok(kib as f64 / 1024.0)
}

/// The number after a name at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
