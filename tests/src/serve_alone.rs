//! `fluxgate serve` in a process of its own, whose memory a test can read.

use fluxgate_core::id::TenantId;
use fluxgate_emulator::Emulator;

use crate::gateway::free_address;
use crate::{FluxgateProcess, TestTenant, process};

/// A tenant whose requests nothing slows. The emulator is in the test's process.
pub async fn serve_alone(folder: &str, emulator: &Emulator) -> (FluxgateProcess, TestTenant) {
    for args in [
        &["tenants", "add", "acme", "--balance", "1"][..],
        &[
            "tenants",
            "change",
            "acme",
            "--requests-per-second",
            "10000",
        ],
    ] {
        let run = process::run(&[args, &["--data", folder]].concat());
        assert!(run.status.success(), "{args:?} {run:?}");
    }
    let token = process::run(&["token", "acme", "--data", folder]).stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let (key, provider) = (emulator.api_key(), emulator.base_url());
    let args = [
        "--data",
        folder,
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
    ];
    let env = [
        ("WAVESPEED_API_KEY", key),
        ("FLUXGATE_PROVIDER", provider.as_str()),
    ];
    let process = FluxgateProcess::serve(&args, &env, &base_url).await;
    let tenant = TestTenant::new(TenantId::parse("acme").unwrap(), &base_url, token);
    (process, tenant)
}
