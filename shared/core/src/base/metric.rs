//! What is counted, as `tracing` events of one target: whoever runs the flows subscribes, adds up
//! and publishes.

/// The target of every metric's event. Its fields are `name`, `value`, `unit` and at most one of
/// `via`, `outcome`, `reason`.
pub const TARGET: &str = "fluxgate.metric";

/// Counts one of something, or adds a value to it.
macro_rules! count {
    ($name:literal $(, $key:ident = $label:expr)?) => {
        tracing::info!(target: $crate::base::metric::TARGET, name = $name, value = 1_i64, unit = "Count" $(, $key = $label)?)
    };
}

/// Notes one measured value.
macro_rules! measure {
    ($name:literal, $unit:literal, $value:expr) => {
        tracing::info!(
            target: $crate::base::metric::TARGET,
            name = $name,
            value = i64::try_from($value).unwrap_or(i64::MAX),
            unit = $unit
        )
    };
}

pub(crate) use {count, measure};
