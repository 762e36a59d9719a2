//! The documents, as the tools of others judge them: two validators, two generators whose clients
//! do a whole edit, and a fuzzer that compares the live gateway with what they say.

use std::path::{Path, PathBuf};

use fluxgate_tests::{Gateway, TestTenant, process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

/// A gateway with its three documents in files.
struct Scene {
    gateway: Gateway,
    tenant: TestTenant,
    folder: TempDir,
}

const DOCUMENTS: [(&str, &str); 3] = [
    ("tenants.json", "/openapi.json"),
    ("events.json", "/webhooks.openapi.json"),
    ("operators.json", "/admin/v1/openapi.json"),
];

impl Scene {
    async fn start() -> Self {
        let gateway = Gateway::start().await;
        let tenant = gateway.tenant("acme", "100").await;
        // Faster than any tool.
        let limits = json!({ "limits": { "requests_per_second": 100_000 } });
        let changed = gateway.operator().patch("/tenants/acme", &limits).await;
        assert_eq!(changed.status, 200, "{:?}", changed.body);
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            gateway,
            tenant,
        };
        for (name, path) in DOCUMENTS {
            let document = scene.read(path).await;
            std::fs::write(scene.path(name), document.to_string()).unwrap();
        }
        let photo = fluxgate_emulator::DEMO_PHOTO;
        std::fs::write(scene.path("photo.jpg"), photo).unwrap();
        scene
    }

    async fn read(&self, path: &str) -> Value {
        let url = self.gateway.url(path);
        let request = self.gateway.http().get(url).bearer_auth(self.admin_token());
        request.send().await.unwrap().json().await.unwrap()
    }

    fn admin_token(&self) -> &str {
        let secrets = &self.gateway.server.folder().secrets;
        secrets.admin_token.expose()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program of the Python environment that the tests have.
    fn python(&self, name: &str) -> Command {
        let beside = Path::new(&process::python()).with_file_name(name);
        self.within(Command::new(beside))
    }

    /// A program of the modules of Node.js that the tests have.
    fn node(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(Path::new(&process::node_modules()).join(script));
        self.within(command)
    }

    fn within(&self, mut command: Command) -> Command {
        command
            .current_dir(self.folder.path())
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
        command
    }

    /// How a client's edit went, by the program itself.
    async fn edited(&self, command: &mut Command) {
        command
            .arg(self.gateway.server.base_url())
            .arg(&self.tenant.token)
            .arg(self.path("photo.jpg"));
        let told: Value = serde_json::from_str(&said(command).await).unwrap();
        let expected = json!({ "status": "completed", "output": "ffd8", "refused": "not_found" });
        assert_eq!(told, expected);
    }

    async fn fuzz(&self, path: &str, token: &str) {
        let mut command = self.python("schemathesis");
        command
            .arg("--config-file")
            .arg(given("schemathesis.toml"))
            .args(["run", &self.gateway.url(path), "--no-color"])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .env("PYTHONPATH", given(""))
            .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks");
        let told = said(&mut command).await;
        assert!(told.contains(" passed"), "{told}");
    }
}

/// What the tools are given: settings and programs.
fn given(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients/openapi")
        .join(name)
}

/// What a program says, which must succeed.
async fn said(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{complained}");
    told
}

#[tokio::test]
async fn two_validators_accept_all_three_documents() {
    let scene = Scene::start().await;

    for (name, _) in DOCUMENTS {
        said(scene.python("openapi-spec-validator").arg(name)).await;
        let mut lint = scene.node("@redocly/cli/bin/cli.js");
        lint.args(["lint", name, "--config"])
            .arg(given("redocly.yaml"));
        said(&mut lint).await;
    }
}

#[tokio::test]
async fn a_generated_python_client_edits_a_photograph() {
    let scene = Scene::start().await;
    let client = scene.path("client");
    std::fs::create_dir(&client).unwrap();

    let mut generate = scene.python("openapi-python-client");
    generate
        .args(["generate", "--path", "tenants.json", "--meta", "none"])
        .args(["--fail-on-warning", "--output-path"])
        .arg(client.join("fluxgate_api"))
        .arg("--config")
        .arg(given("generate.yaml"));
    said(&mut generate).await;

    let mut edit = scene.python("python");
    edit.arg(given("edit.py")).arg(&client);
    scene.edited(&mut edit).await;
}

#[tokio::test]
async fn generated_typescript_types_fit_a_program_that_edits_a_photograph() {
    let scene = Scene::start().await;
    std::fs::copy(given("edit.ts"), scene.path("edit.ts")).unwrap();

    let mut generate = scene.node("openapi-typescript/bin/cli.js");
    said(generate.args(["tenants.json", "--output", "api.d.ts"])).await;
    let mut compile = scene.node("typescript/bin/tsc");
    compile
        .args(["--strict", "--target", "es2022", "--module", "commonjs"])
        .args(["--lib", "es2022,dom", "edit.ts"]);
    said(&mut compile).await;

    let mut edit = Command::new("node");
    edit.arg(scene.path("edit.js"));
    scene.edited(&mut edit).await;
}

#[tokio::test]
async fn the_tenants_api_answers_as_its_document_says() {
    let scene = Scene::start().await;

    scene.fuzz("/openapi.json", &scene.tenant.token).await;
}

#[tokio::test]
async fn the_operators_api_answers_as_its_document_says() {
    let scene = Scene::start().await;

    let token = scene.admin_token();
    scene.fuzz("/admin/v1/openapi.json", token).await;
}
