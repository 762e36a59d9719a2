//! The variables that OpenTelemetry's own libraries read. Endpoints and headers are read by the
//! exporters; what they leave to the application is read here.
//!
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

use std::time::Duration;

use anyhow::{Result, bail};
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::Sampler;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TIMEOUT_MS: u64 = 10_000;

/// Which spans are sent.
#[derive(Debug, Clone)]
pub(super) struct Sampling {
    pub(super) sampler: Sampler,
    /// A caller that says whether its trace is recorded decides.
    pub(super) follows_caller: bool,
}

/// How variables are read; a test has its own.
pub(crate) struct Variables(Box<Lookup>);

type Lookup = dyn Fn(&str) -> Option<String>;

impl Variables {
    pub(crate) fn of_process() -> Self {
        Self::by(|name| std::env::var(name).ok())
    }

    fn by(read: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self(Box::new(read))
    }

    /// An empty variable is one that is not set.
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }

    pub(super) fn is_on(&self) -> bool {
        self.sends_traces() || self.sends_metrics()
    }

    pub(super) fn sends_traces(&self) -> bool {
        self.sends("TRACES")
    }

    pub(super) fn sends_metrics(&self) -> bool {
        self.sends("METRICS")
    }

    fn sends(&self, signal: &str) -> bool {
        let is_disabled = self.get("OTEL_SDK_DISABLED");
        let is_disabled = is_disabled.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let exporter = self.get(&format!("OTEL_{signal}_EXPORTER"));
        let is_none = exporter.is_some_and(|exporter| exporter == "none");
        let endpoint = self.get(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"));
        !is_disabled && !is_none && endpoint.or_else(|| self.get(ENDPOINT)).is_some()
    }

    /// How long one request to the collector may take. Fails for a protocol that is not spoken.
    pub(super) fn timeout(&self) -> Result<Duration> {
        let protocol = self.get("OTEL_EXPORTER_OTLP_PROTOCOL");
        if let Some(protocol) = protocol.filter(|protocol| protocol != "http/protobuf") {
            bail!(
                "OTEL_EXPORTER_OTLP_PROTOCOL is '{protocol}'; only 'http/protobuf' is spoken, mostly at port 4318"
            );
        }
        let timeout_ms = match self.get("OTEL_EXPORTER_OTLP_TIMEOUT") {
            Some(text) => match text.parse() {
                Ok(timeout_ms) => timeout_ms,
                Err(_) => bail!("OTEL_EXPORTER_OTLP_TIMEOUT is '{text}', not milliseconds"),
            },
            None => TIMEOUT_MS,
        };
        Ok(Duration::from_millis(timeout_ms))
    }

    pub(super) fn sampling(&self) -> Result<Sampling> {
        let name = self.get("OTEL_TRACES_SAMPLER");
        let name = name.as_deref().unwrap_or("parentbased_always_on");
        let (kind, follows_caller) = match name.strip_prefix("parentbased_") {
            Some(kind) => (kind, true),
            None => (name, false),
        };
        let sampler = match kind {
            "always_on" => Sampler::AlwaysOn,
            "always_off" => Sampler::AlwaysOff,
            "traceidratio" => Sampler::TraceIdRatioBased(self.ratio()?),
            _ => bail!(
                "OTEL_TRACES_SAMPLER is '{name}'; use always_on, always_off or traceidratio, or one of them behind 'parentbased_'"
            ),
        };
        Ok(Sampling {
            sampler,
            follows_caller,
        })
    }

    fn ratio(&self) -> Result<f64> {
        let Some(text) = self.get("OTEL_TRACES_SAMPLER_ARG") else {
            return Ok(1.0);
        };
        match text.parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
            _ => bail!("OTEL_TRACES_SAMPLER_ARG is '{text}', not a number from 0 to 1"),
        }
    }

    /// Who we are: what the variables say, over what we know.
    pub(super) fn resource(&self) -> Resource {
        let mut ours = vec![KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))];
        let attributes = self.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let is_named = self.get("OTEL_SERVICE_NAME").is_some()
            || attributes
                .split(',')
                .any(|one| one.trim().starts_with("service.name="));
        if !is_named {
            ours.push(KeyValue::new("service.name", "fluxgate"));
        }
        Resource::builder().with_attributes(ours).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: &'static [(&'static str, &'static str)]) -> Variables {
        Variables::by(move |name| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_is_sent_unless_a_collector_is_named_and_each_signal_may_be_left_out() {
        let named = with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")]);
        let traces = with(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/v1/traces")]);
        let no_metrics = with(&[
            (ENDPOINT, "http://c:4318"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ]);
        let disabled = with(&[(ENDPOINT, "http://c:4318"), ("OTEL_SDK_DISABLED", "TRUE")]);
        let sends = |it: &Variables| (it.sends_traces(), it.sends_metrics());

        assert!(!with(&[]).is_on() && !with(&[(ENDPOINT, " ")]).is_on());
        assert_eq!(sends(&named), (true, true));
        assert_eq!(sends(&traces), (true, false));
        assert_eq!(sends(&no_metrics), (true, false));
        assert!(!disabled.is_on());
    }

    #[test]
    fn a_sampler_may_follow_the_caller_and_what_cannot_be_read_is_refused() {
        let ratio = with(&[
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ]);
        let sampling = ratio.sampling().unwrap();

        assert!(sampling.follows_caller);
        assert!(matches!(sampling.sampler, Sampler::TraceIdRatioBased(ratio) if ratio == 0.25));
        assert!(with(&[]).sampling().unwrap().follows_caller);
        for wrong in [
            with(&[("OTEL_TRACES_SAMPLER", "xray")]),
            with(&[
                ("OTEL_TRACES_SAMPLER", "traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "25%"),
            ]),
        ] {
            assert!(wrong.sampling().is_err());
        }
        assert!(
            with(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")])
                .timeout()
                .is_err()
        );
        assert!(
            with(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")])
                .timeout()
                .is_err()
        );
        assert_eq!(with(&[]).timeout().unwrap(), Duration::from_secs(10));
    }
}
