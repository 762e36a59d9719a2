//! The guide's programs and commands, in one shell, in the order of the page.

use std::path::Path;

use fluxgate_tests::gateway::free_address;
use fluxgate_tests::process::{bash, node_modules, python};
use fluxgate_tests::{FluxgateProcess, Page};

use super::guide;

/// What each snippet prints after its name is the link of an edited picture.
const SNIPPETS: [&str; 6] = ["python", "module", "js", "cli", "http", "langchain"];

/// The programs, and what they need, in the folder where they are run.
fn lay_out(folder: &Path, guide: &Page) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let model = "\"wavespeed-ai/flux-kontext-max\"";
    let module = format!(
        "import os, wavespeed\n{}image = wavespeed.upload('photo.jpg')\n\
         run = wavespeed.run({model}, {{'prompt': 'sepia', 'image': image}})\n\
         print(run['outputs'][0])\n",
        guide.block("python", "wavespeed.config")
    );
    write("client.py", guide.block("python", "client.run("));
    write("module.py", &module);
    write("langchain.py", guide.block("python", "langchain_wavespeed"));
    write("client.mjs", guide.block("js", "client.run("));
    std::fs::write(folder.join("photo.jpg"), fluxgate_emulator::DEMO_PHOTO).unwrap();
    let link = |from: &str, name: &str| {
        std::os::unix::fs::symlink(from, folder.join(name)).unwrap();
    };
    link(&node_modules(), "node_modules");
    std::fs::create_dir_all(folder.join("wavespeed-comfyui/py")).unwrap();
    write(
        "wavespeed-comfyui/py/client.py",
        "    BASE_URL = \"https://api.wavespeed.ai\"\n",
    );
}

/// The page in one shell. A value is the last line that its snippet prints.
fn script(guide: &Page) -> String {
    let python = python();
    let named = |name: &str, commands: &str| {
        format!("link=$(\n{commands}\n)\necho \"{name} $(tail -n 1 <<<\"$link\")\"\n")
    };
    [
        "fluxgate tenants add acme --balance 5 --data ./data > /dev/null\n".to_owned(),
        guide.commands("export FLUXGATE_URL"),
        named("python", &format!("{python} client.py")),
        named("module", &format!("{python} module.py")),
        named("js", "node client.mjs"),
        named("cli", &guide.commands("wavespeed config --base-url")),
        named("http", &guide.commands("Idempotency-Key")),
        named("langchain", &format!("{python} langchain.py")),
        guide.commands("wavespeed-comfyui"),
        "echo \"comfyui $(cat wavespeed-comfyui/py/client.py)\"\n".to_owned(),
    ]
    .concat()
}

#[tokio::test]
async fn the_snippets_of_the_moving_guide_edit_a_picture_as_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let address = free_address().to_string();
    let guide = guide(&[("127.0.0.1:8080", &address)]);
    lay_out(folder, &guide);
    let data = folder.join("data").to_str().unwrap().to_owned();
    let s3 = ["--s3-listen", "127.0.0.1:0"];
    let args = ["--data", &data, "--listen", &address, s3[0], s3[1]];
    let base_url = format!("http://{address}");
    let _gateway = FluxgateProcess::serve(&args, &[], &base_url).await;

    let path = format!("node_modules/.bin:{}", std::env::var("PATH").unwrap());
    let home = folder.to_str().unwrap();
    let said = bash(folder, &[("PATH", &path), ("HOME", home)], &script(&guide));

    let said: Vec<(&str, &str)> = said
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let (last, pictures) = said.split_last().unwrap();
    let names: Vec<&str> = pictures.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, SNIPPETS);
    for (name, link) in pictures {
        let answer = reqwest::get(*link).await.unwrap();
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(bytes[..2], [0xff, 0xd8], "{name}: {link}");
        assert_ne!(bytes, fluxgate_emulator::DEMO_PHOTO, "{name}: {link}");
    }
    let changed = format!("    BASE_URL = \"{base_url}\"");
    assert_eq!(*last, ("comfyui", changed.as_str()));
}
