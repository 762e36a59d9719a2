//! What a test may want different in its installation.

use std::collections::BTreeMap;

use fluxgate_emulator::EmulatorConfig;

use crate::gateway::emulator_config;

/// The batching window and the visibility timeout of the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// No batching window and a short visibility timeout, so that messages of a killed function
    /// come back within the test.
    Brief,
    AsDeployed,
}

/// What a test may want different.
pub struct StackOptions {
    pub emulator: EmulatorConfig,
    /// False: the provider gets a webhook address at which nobody listens.
    pub webhooks: bool,
    /// False: nothing takes messages from the queues but the test.
    pub event_sources: bool,
    pub waits: Waits,
    /// Parameters of the template beside those that make it a test's.
    pub parameters: Vec<(&'static str, String)>,
    /// Over what the deployed template says.
    pub environment: BTreeMap<String, String>,
    /// How long a function may take, in seconds, over what the deployed template says.
    pub timeout_s: BTreeMap<&'static str, u64>,
}

impl StackOptions {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let found = parameters.find(|(parameter, _)| *parameter == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            emulator: emulator_config(),
            webhooks: true,
            event_sources: true,
            waits: Waits::Brief,
            parameters: Vec::new(),
            environment: BTreeMap::new(),
            timeout_s: BTreeMap::new(),
        }
    }
}
