//! What happens after a submit was accepted: wait, make the pictures, settle the price, tell the webhook.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::Value;

use super::{Failure, Product, Run, webhook};
use crate::picture::{Drawing, draw, fetch};
use crate::vendor::Vendor;

/// One output, before it has a URL.
struct Picture {
    name: String,
    content: Bytes,
}

pub(crate) async fn execute(vendor: Arc<Vendor>, run: Arc<Run>) {
    let work = Box::pin(produce(&vendor, &run));
    let (result, ()) = tokio::join!(work, tokio::time::sleep(run.run_time));
    settle(&vendor, &run, result);
    webhook::tell(&vendor, &run).await;
}

fn settle(vendor: &Vendor, run: &Run, result: Result<Product, Failure>) {
    match &result {
        Ok(product) => {
            vendor.purse.charge(run.price_micro_usd);
            vendor.runs.grow(product.outputs.iter().map(String::len).sum());
        }
        Err(_) => vendor.purse.release(run.price_micro_usd),
    }
    run.finish(result);
}

async fn produce(vendor: &Arc<Vendor>, run: &Arc<Run>) -> Result<Product, Failure> {
    if let Some(failure) = &run.orders.failure {
        return Err(failure.clone());
    }
    let mut outputs = Vec::new();
    if run.orders.tiny {
        outputs.extend((0..count(run)).map(|n| output_url(vendor, run, &format!("{n}.png"))));
    } else {
        for picture in pictures(vendor, run).await? {
            outputs.push(publish(vendor, run, picture).await?);
        }
    }
    Ok(Product { outputs, nsfw: run.orders.nsfw })
}

async fn pictures(vendor: &Arc<Vendor>, run: &Arc<Run>) -> Result<Vec<Picture>, Failure> {
    let mut sources = Vec::new();
    for source in sources_of(run) {
        sources.push(fetch(vendor, source).await.map_err(|why| unfetched(&why))?);
    }
    let mut pictures = Vec::new();
    for n in 0..count(run) {
        let drawing = Drawing::of(run, n);
        let name = format!("{n}.{}", drawing.extension());
        let sources = sources.clone();
        let _permit = vendor.drawing.acquire().await.expect("the semaphore is never closed");
        let drawn = tokio::task::spawn_blocking(move || draw(&drawing, &sources)).await;
        let content = drawn.map_err(|error| internal(&error))?.map_err(|why| unfetched(&why))?;
        pictures.push(Picture { name, content: content.into() });
    }
    Ok(pictures)
}

fn sources_of(run: &Run) -> Vec<&str> {
    let many = run.inputs.get("images").and_then(Value::as_array);
    let many = many.into_iter().flatten().filter_map(Value::as_str);
    run.text("image").into_iter().chain(many).collect()
}

fn count(run: &Run) -> u64 {
    run.inputs.get("num_images").and_then(Value::as_u64).unwrap_or(1)
}

async fn publish(vendor: &Vendor, run: &Run, picture: Picture) -> Result<String, Failure> {
    if run.flag("enable_base64_output") {
        return Ok(BASE64.encode(&picture.content));
    }
    let key = format!("outputs/{}/{}", run.id, picture.name);
    vendor.files.put(&key, picture.content).await.map_err(|error| internal(&error))?;
    Ok(output_url(vendor, run, &picture.name))
}

fn output_url(vendor: &Vendor, run: &Run, name: &str) -> String {
    format!("{}/outputs/{}/{name}", vendor.base_url, run.id)
}

fn unfetched(why: &str) -> Failure {
    Failure { code: 1402, error: format!("the input image cannot be used: {why}") }
}

fn internal(error: &impl std::error::Error) -> Failure {
    Failure { code: 5000, error: format!("internal error: {error}") }
}
