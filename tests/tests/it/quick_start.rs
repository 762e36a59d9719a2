//! The README's commands and programs, run as they are written but for the ports.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use fluxgate_tests::gateway::free_address;
use fluxgate_tests::{FluxgateProcess, eventually, process};

/// The code blocks of one language in the README, with this test's addresses in place of those
/// written there.
struct Readme {
    text: String,
}

impl Readme {
    fn read(addresses: &[(&str, &str)]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let text = std::fs::read_to_string(root.join("README.md")).unwrap();
        Self {
            text: addresses
                .iter()
                .fold(text, |text, (written, ours)| text.replace(written, ours)),
        }
    }

    /// The one block of this language that holds `mark`.
    fn block(&self, language: &str, mark: &str) -> &str {
        let fence = format!("```{language}\n");
        let blocks = self
            .text
            .split(&fence)
            .skip(1)
            .map(|rest| rest.split("```\n").next().unwrap());
        let found: Vec<&str> = blocks.filter(|block| block.contains(mark)).collect();
        assert_eq!(found.len(), 1, "blocks of {language} with '{mark}'");
        found[0]
    }

    /// The same of a console, as a script.
    fn commands(&self, mark: &str) -> String {
        let lines = self.block("console", mark).lines();
        lines
            .map(|line| line.strip_prefix("$ ").unwrap_or(line).to_owned() + "\n")
            .collect()
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a script in the folder, with `fluxgate` on the PATH; answers its standard output.
fn bash(folder: &Path, script: &str) -> String {
    let binaries = process::binary()
        .parent()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    let path = format!("{binaries}:{}", std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("FLUXGATE_TOKEN");
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{script}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The README's programs and what they need, in the folder where its commands are run.
fn lay_out(folder: &Path, readme: &Readme) {
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

/// The quick start in one shell; answers the endpoint's secret.
fn quick_start(folder: &Path, readme: &Readme, programs: &[&str]) -> String {
    let edited =
        "if cmp -s photo.jpg after.jpg; then exit 1; fi; test -s after.jpg; rm after.jpg\n";
    let mut script = readme.commands("tenants add")
        + "test -s sketch.jpg\n"
        + &readme.commands("$api/media")
        + edited;
    for program in programs {
        script += &format!("{program}\n{edited}");
    }
    script += &(readme.commands("endpoints") + "echo \"last: $WEBHOOK_SECRET\"");
    let said = bash(folder, &script);
    said.lines()
        .find_map(|line| line.strip_prefix("last: "))
        .unwrap()
        .to_owned()
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
    let readme = Readme::read(&[
        ("127.0.0.1:8080", &api),
        ("127.0.0.1:9000", &receiver.to_string()),
        (
            "\"127.0.0.1\", 9000",
            &format!("\"127.0.0.1\", {}", receiver.port()),
        ),
        ("listen(9000", &format!("listen({}", receiver.port())),
    ]);
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
    let secret = quick_start(folder, &readme, &programs.each_ref().map(String::as_str));

    let receiver = receiver.to_string();
    check_receiver(folder, &python, "receiver.py", &receiver, &secret).await;
    check_receiver(folder, "node", "receiver.mjs", &receiver, &secret).await;
}
