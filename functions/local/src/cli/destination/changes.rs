//! What a destination is to be after `fluxgate destination set`.

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde_json::Value;

use super::{OutputsArg, SetArgs};
use crate::cli::exit::usage;

/// What names a store that is not the installation's own.
const STORE: [&str; 7] = [
    "endpoint",
    "region",
    "access_key_id",
    "secret_access_key",
    "path_style",
    "checksums",
    "conditional_put",
];
/// What AWS is not asked about.
const OF_ENDPOINT: [&str; 3] = ["path_style", "checksums", "conditional_put"];
/// The other fields that a destination may be without.
const OTHERS: [&str; 9] = [
    "prefix",
    "bucket_owner",
    "role_arn",
    "key_template",
    "storage_class",
    "kms_key",
    "outputs",
    "cdn_url",
    "archive",
];

/// One that can be unset.
pub(super) fn field(text: &str) -> Result<String, String> {
    let known = [&["store"], &STORE[..], &OTHERS].concat();
    match known.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("there are {}", known.join(", "))),
    }
}

impl SetArgs {
    /// The destination as it is to be.
    pub(super) fn applied_to(&self, mut destination: Value) -> Result<Value> {
        self.leave_out(&mut destination)?;
        let secret = self.secret()?;
        let given = [
            ("bucket", self.bucket.clone()),
            ("prefix", self.prefix.clone()),
            ("bucket_owner", self.bucket_owner.clone()),
            ("role_arn", self.role_arn.clone()),
            ("endpoint", self.endpoint.clone()),
            ("region", self.region.clone()),
            ("access_key_id", self.access_key_id.clone()),
            ("secret_access_key", secret),
            ("checksums", written(self.checksums)),
            ("key_template", self.key_template.clone()),
            ("storage_class", self.storage_class.clone()),
            ("kms_key", self.kms_key.clone()),
            ("outputs", written(self.outputs)),
            ("cdn_url", self.cdn_url.clone()),
            ("archive", written(self.archive)),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                destination[name] = value.into();
            }
        }
        let switches = [
            ("path_style", self.path_style),
            ("conditional_put", self.conditional_put),
        ];
        for (name, value) in switches {
            if let Some(value) = value {
                destination[name] = value.into();
            }
        }
        Ok(destination)
    }

    /// Removes what is unset, and what goes with it.
    fn leave_out(&self, destination: &mut Value) -> Result<()> {
        let had_endpoint = destination.get("endpoint").is_some();
        let Some(fields) = destination.as_object_mut() else {
            return Ok(());
        };
        let is_unset = |name: &str| self.unset.iter().any(|field| field == name);
        let all_of_store = if is_unset("store") { &STORE[..] } else { &[] };
        let unset = self.unset.iter().map(String::as_str);
        for field in unset.chain(all_of_store.iter().copied()) {
            fields.remove(field);
        }
        if had_endpoint && !fields.contains_key("endpoint") && self.endpoint.is_none() {
            if self.region.is_none() && fields.contains_key("region") {
                let text = "without its endpoint the store is AWS: name --region for that, or --unset store for the \
                            installation's own store";
                return Err(usage(text));
            }
            for field in OF_ENDPOINT {
                fields.remove(field);
            }
        }
        if matches!(self.outputs, Some(OutputsArg::Presigned | OutputsArg::S3)) {
            fields.remove("cdn_url");
        }
        Ok(())
    }

    fn secret(&self) -> Result<Option<String>> {
        let Some(path) = &self.secret_access_key_file else {
            return Ok(None);
        };
        let text = match path.as_os_str() == "-" {
            true => std::io::read_to_string(std::io::stdin()),
            false => std::fs::read_to_string(path),
        };
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(text.trim().to_owned()))
    }
}

/// A choice as it is written on the command line and in the API.
fn written(choice: Option<impl ValueEnum>) -> Option<String> {
    let value = choice?.to_possible_value()?;
    Some(value.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        set: SetArgs,
    }

    fn args(line: &[&str]) -> SetArgs {
        Line::parse_from([&["set", "acme"], line].concat()).set
    }

    fn elsewhere() -> Value {
        json!({
            "bucket": "b", "prefix": "p", "endpoint": "https://s3.example", "region": "us-east-1",
            "access_key_id": "k", "path_style": true, "checksums": "none",
            "conditional_put": false, "outputs": "cdn", "cdn_url": "https://cdn.example",
            "archive": "on",
        })
    }

    #[test]
    fn a_store_is_unset_whole_or_becomes_aws_by_name() {
        let own = args(&["--unset", "store"]).applied_to(elsewhere()).unwrap();
        let cdn = json!({
            "bucket": "b", "prefix": "p", "outputs": "cdn", "cdn_url": "https://cdn.example",
            "archive": "on",
        });
        assert_eq!(own, cdn);

        let half = ["--unset", "endpoint,access_key_id,secret_access_key"];
        let refused = args(&half).applied_to(elsewhere()).unwrap_err().to_string();
        assert!(refused.contains("--unset store"), "{refused}");
        let named = [&half[..], &["--region", "eu-west-1"]].concat();
        let aws = args(&named).applied_to(elsewhere()).unwrap();
        assert_eq!(aws["region"], "eu-west-1");
        assert!(
            STORE
                .iter()
                .all(|field| *field == "region" || aws.get(field).is_none()),
            "{aws}"
        );
    }

    #[test]
    fn other_outputs_than_cdn_leave_out_its_url() {
        let url = |line: &[&str]| {
            args(line)
                .applied_to(elsewhere())
                .unwrap()
                .get("cdn_url")
                .cloned()
        };

        assert_eq!(url(&["--outputs", "presigned"]), None);
        assert_eq!(url(&["--outputs", "s3"]), None);
        assert_eq!(
            url(&["--outputs", "cdn"]),
            Some(json!("https://cdn.example"))
        );
    }

    #[test]
    fn an_unknown_field_is_refused_with_those_that_there_are() {
        let error = Line::try_parse_from(["set", "acme", "--unset", "stores"])
            .err()
            .unwrap();

        assert!(
            error.to_string().contains("store, endpoint, region"),
            "{error}"
        );
    }

    #[test]
    fn the_help_writes_a_key_template_as_it_is() {
        let help = Line::try_parse_from(["set", "--help"])
            .err()
            .unwrap()
            .to_string();

        assert!(help.contains("{tenant}/{date}/{task}/{n}.{ext}"), "{help}");
    }
}
