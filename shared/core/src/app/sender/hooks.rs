//! Where the provider reports the end of a run.

use url::{Position, Url};

use crate::app::Capability;
use crate::base::id::{TaskId, TenantId};

/// The receiver's public address, and the key that authenticates its paths. The address is taken
/// apart once: nothing in a path of ours needs an escape.
pub struct Hooks {
    before: String,
    after: String,
    capability: Capability,
}

impl Hooks {
    pub fn new(public_url: &Url, capability: Capability) -> Self {
        let before = &public_url[..Position::AfterPath];
        Self {
            before: before.trim_end_matches('/').to_owned(),
            after: public_url[Position::AfterPath..].to_owned(),
            capability,
        }
    }

    /// Where the end of this task's run is reported.
    pub(super) async fn url(&self, tenant: &TenantId, task: &TaskId) -> String {
        let path = self.capability.keys().await.hook_path(tenant, task);
        [&*self.before, &path, &self.after].concat()
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::domain::webhook::CapabilityKeys;

    fn url_under(public_url: &str) -> String {
        let hooks = Hooks::new(
            &Url::parse(public_url).unwrap(),
            Capability::fixed(CapabilityKeys::new([7; 32])),
        );
        let (tenant, task) = ("acme".parse().unwrap(), "0".repeat(32).parse().unwrap());
        let url = block_on(hooks.url(&tenant, &task));
        let path = CapabilityKeys::new([7; 32]).hook_path(&tenant, &task);
        assert_eq!(
            Url::parse(&url).unwrap().as_str(),
            url,
            "nothing needs an escape"
        );
        url.replace(&path, "…")
    }

    #[test]
    fn the_path_is_appended_to_that_of_the_public_url() {
        for (public_url, expected) in [
            ("https://gw.example.com", "https://gw.example.com…"),
            ("https://gw.example.com/", "https://gw.example.com…"),
            (
                "https://gw.example.com:8443/a b/",
                "https://gw.example.com:8443/a%20b…",
            ),
            ("http://[::1]:1/x?y=1#z", "http://[::1]:1/x…?y=1#z"),
        ] {
            assert_eq!(url_under(public_url), expected, "{public_url}");
        }
    }
}
