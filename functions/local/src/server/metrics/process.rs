//! What Prometheus's client libraries tell of a process, by the same names. Some of it only Linux
//! tells.
//!
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>

use std::fs;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// All that Linux tells.
pub const METRICS: [&str; 7] = [
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_threads",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
];

/// One metric of one value. The exporter's counters are integers; these are not.
pub(super) fn told(name: &str, kind: &str, help: &str, value: f64) -> String {
    format!("\n# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n")
}

pub(super) fn text() -> String {
    let mut text = String::new();
    let mut tell = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        text.extend(value.map(|value| told(name, kind, help, value)));
    };
    tell(
        "process_cpu_seconds_total",
        "counter",
        "Total user and system CPU time spent in seconds.",
        Some(cpu_seconds()),
    );
    tell(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory size in bytes.",
        status("VmRSS:").map(|kilobytes| kilobytes * 1_024.0),
    );
    tell(
        "process_virtual_memory_bytes",
        "gauge",
        "Virtual memory size in bytes.",
        status("VmSize:").map(|kilobytes| kilobytes * 1_024.0),
    );
    tell(
        "process_threads",
        "gauge",
        "Number of OS threads in the process.",
        status("Threads:"),
    );
    tell(
        "process_open_fds",
        "gauge",
        "Number of open file descriptors.",
        fs::read_dir("/proc/self/fd")
            .ok()
            .map(|open| open.count() as f64),
    );
    tell(
        "process_max_fds",
        "gauge",
        "Maximum number of open file descriptors.",
        getrlimit(Resource::Nofile).current.map(|most| most as f64),
    );
    tell(
        "process_start_time_seconds",
        "gauge",
        "Start time of the process since unix epoch in seconds.",
        Some(start_seconds()),
    );
    text
}

fn cpu_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// When this process was first asked, which the start of the server does.
pub(super) fn start_seconds() -> f64 {
    static START: OnceLock<f64> = OnceLock::new();
    *START.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_secs_f64()
    })
}

/// The number in a line of `/proc/self/status`.
fn status(name: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
