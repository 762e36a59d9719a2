//! What stands around the routes in a document: its title, security schemes and tags.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder,
};

use crate::error_reply::{ProblemBody, WaveSpeedErrorBody};

const TENANTS: &str = "A gateway and webhook relay for asynchronous image models: the provider's \
     API under /api/v3, Fluxgate's own under /v1. Errors have a stable code and a sentence that \
     says what to do. Every answer has an `x-request-id`. The events that Fluxgate sends are \
     described by /webhooks.openapi.json.";

const OPERATORS: &str = "The operator's API: tenants, prices, money and callbacks. On one machine \
     it takes an admin token; on AWS requests are signed for IAM.";

pub(crate) fn tenants() -> OpenApi {
    let jwt = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "An API key, or a token of an issuer that the tenant trusts.",
        ))
        .build();
    framed("Fluxgate", TENANTS)
        .tags(Some([
            tag("predictions", "Runs, in the provider's format."),
            tag("models", "The catalogue and its prices."),
            tag("uploads", "Files for the inputs of a run."),
            tag("account", "Balance, bill, budget and the webhook secret."),
            tag("tasks", "Runs, in Fluxgate's own format."),
            tag("batches", "Many tasks in one request."),
            tag("endpoints", "Where a tenant wants its events."),
            tag("keys", "API keys: tokens that this gateway issues."),
            tag("deliveries", "What became of each event."),
            tag("usage", "Usage by day and model."),
            tag("operations", "Whether the gateway serves."),
        ]))
        .components(Some(components("tenant_jwt", jwt)))
        .build()
}

pub(crate) fn operators() -> OpenApi {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An admin token: GETs need its scope 'read', changes of money 'money', all others 'write'. On AWS: an IAM signature instead.",
        ))
        .build();
    framed("Fluxgate, for operators", OPERATORS)
        .tags(Some([
            tag("tenants", "Who may use the gateway, and how."),
            tag("keys", "Tenants' API keys, and what signs them."),
            tag("money", "Prices, balances and budgets."),
            tag("callbacks", "Tenants' endpoints and deliveries."),
            tag("operations", "The installation itself."),
        ]))
        .components(Some(components("admin_token", token)))
        .build()
}

fn framed(title: &str, description: &str) -> OpenApiBuilder {
    let info = InfoBuilder::new()
        .title(title)
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .contact(Some(ContactBuilder::new().name(Some("Fluxgate")).build()));
    OpenApiBuilder::new().info(info)
}

fn components(name: &str, scheme: utoipa::openapi::security::Http) -> utoipa::openapi::Components {
    ComponentsBuilder::new()
        .security_scheme(name, SecurityScheme::Http(scheme))
        .schema_from::<ProblemBody>()
        .schema_from::<WaveSpeedErrorBody>()
        .schema_from::<super::ErrorCode>()
        .build()
}

fn tag(name: &str, description: &str) -> Tag {
    TagBuilder::new()
        .name(name)
        .description(Some(description))
        .build()
}
