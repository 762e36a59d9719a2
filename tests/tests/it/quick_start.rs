//! The README's commands and programs, run as they are written but for the ports.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use fluxgate_tests::gateway::free_address;
use fluxgate_tests::process::bash;
use fluxgate_tests::{FluxgateProcess, Page, eventually, process};

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The README's programs and what they need, in the folder where its commands are run.
fn lay_out(folder: &Path, readme: &Page) {
    let link =
        |from: &Path, name: &str| std::os::unix::fs::symlink(from, folder.join(name)).unwrap();
    link(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .unwrap()
            .join("shared"),
        "shared",
    );
    link(Path::new(&process::node_modules()), "node_modules");
    for (name, language, mark) in [
        ("edit.py", "python", "wavespeed"),
        ("edit.mjs", "js", "FormData"),
        ("receiver.py", "python", "standardwebhooks"),
        ("receiver.mjs", "js", "standardwebhooks"),
    ] {
        std::fs::write(folder.join(name), readme.block(language, mark)).unwrap();
    }
}

/// What the quick start leaves behind.
struct Made {
    key: String,
    endpoint_secret: String,
}

/// The quick start in one shell.
fn quick_start(folder: &Path, readme: &Page, programs: &[&str]) -> Made {
    let edited =
        "if cmp -s photo.jpg after.jpg; then exit 1; fi; test -s after.jpg; rm after.jpg\n";
    let mut script = readme.commands("tenants add")
        + "test -s sketch.jpg\n"
        + &readme.commands("$api/media")
        + edited;
    for program in programs {
        script += &format!("{program}\n{edited}");
    }
    script += &readme.commands("/v1/endpoints");
    script += "echo \"secret: $WEBHOOK_SECRET\"; echo \"key: $TOKEN\"";
    let said = bash(folder, &[], &script);
    let last = |name: &str| {
        let found = said.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap().to_owned()
    };
    Made {
        key: last("key: "),
        endpoint_secret: last("secret: "),
    }
}

/// The key that the quick start made is accepted until it is revoked, and not for long after.
async fn check_revocation(folder: &Path, readme: &Page, api: &str, key: &str) {
    let http = reqwest::Client::new();
    let status = || async {
        let call = http.get(format!("http://{api}/v1/tasks")).bearer_auth(key);
        call.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status().await, 200);

    bash(folder, &[], &readme.commands("keys revoke"));

    let revoked = std::time::Instant::now();
    eventually("the key's refusal", || async {
        (status().await == 401).then_some(())
    })
    .await;
    assert!(revoked.elapsed().as_secs() < 10);
}

/// Starts a receiver, which refuses a forged callback and prints the next edit's callback.
async fn check_receiver(folder: &Path, program: &str, file: &str, address: &str, secret: &str) {
    let log = folder.join(format!("{file}.log"));
    let mut command = Command::new(program);
    command
        .arg(file)
        .current_dir(folder)
        .env("WEBHOOK_SECRET", secret)
        .stdin(Stdio::null());
    let _running = Running(
        command
            .stdout(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap(),
    );
    let http = reqwest::Client::new();
    let forged = || {
        http.post(format!("http://{address}/"))
            .header("webhook-id", "x")
            .body("{}")
            .send()
    };
    eventually("the receiver's listener", || async {
        match forged().await {
            Ok(response) => {
                assert_eq!(response.status(), 400, "{file} takes a forgery");
                Some(())
            }
            // The one in Python hangs up on a forgery.
            Err(error) => (!error.is_connect()).then_some(()),
        }
    })
    .await;

    bash(
        folder,
        &[],
        "fluxgate edit photo.jpg sepia --tenant acme --data ./data --out - > /dev/null",
    );

    eventually("the callback", || async {
        let told = std::fs::read_to_string(&log).unwrap();
        (told.starts_with("evt_") && told.contains(" task.completed ")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_quick_start_and_both_receivers_work_as_the_readme_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (api, receiver) = (free_address().to_string(), free_address());
    let readme = Page::read(
        "README.md",
        &[
            ("127.0.0.1:8080", &api),
            ("127.0.0.1:9000", &receiver.to_string()),
            (
                "\"127.0.0.1\", 9000",
                &format!("\"127.0.0.1\", {}", receiver.port()),
            ),
            ("listen(9000", &format!("listen({}", receiver.port())),
        ],
    );
    let python = process::python();
    lay_out(folder, &readme);
    assert!(
        readme
            .commands("serve")
            .contains("fluxgate serve --data ./data\n")
    );
    let data = folder.join("data").to_str().unwrap().to_owned();
    let args = [
        "--data",
        &data,
        "--listen",
        &api,
        "--s3-listen",
        "127.0.0.1:0",
        "--allow-net",
        "127.0.0.0/8",
    ];
    let _gateway = FluxgateProcess::serve(&args, &[], &format!("http://{api}")).await;

    let programs = [format!("{python} edit.py"), "node edit.mjs".to_owned()];
    let made = quick_start(folder, &readme, &programs.each_ref().map(String::as_str));

    let receiver = receiver.to_string();
    check_receiver(
        folder,
        &python,
        "receiver.py",
        &receiver,
        &made.endpoint_secret,
    )
    .await;
    check_receiver(
        folder,
        "node",
        "receiver.mjs",
        &receiver,
        &made.endpoint_secret,
    )
    .await;
    check_revocation(folder, &readme, &api, &made.key).await;
}
