//! Metrics for the collector: a recorder that gives everything to another one too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

/// Instruments are made once for each name and its labels.
#[derive(Default)]
struct Made {
    counters: HashMap<Key, Counter>,
    gauges: HashMap<Key, Gauge>,
    histograms: HashMap<Key, Histogram>,
}

/// Records by `first`, and by the meter.
pub(crate) struct Tee<R> {
    first: R,
    meter: Meter,
    buckets: fn(&str) -> &'static [f64],
    made: Mutex<Made>,
}

impl<R: Recorder> Tee<R> {
    /// `buckets`: the bounds of a histogram's, by its name.
    pub(crate) fn new(first: R, meter: Meter, buckets: fn(&str) -> &'static [f64]) -> Self {
        Self {
            first,
            meter,
            buckets,
            made: Mutex::default(),
        }
    }

    fn made<T>(&self, take: impl FnOnce(&mut Made) -> T) -> T {
        take(&mut self.made.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn attributes(key: &Key) -> Vec<KeyValue> {
    let labels = key.labels();
    labels
        .map(|label| KeyValue::new(label.key().to_owned(), label.value().to_owned()))
        .collect()
}

impl<R: Recorder> Recorder for Tee<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, help: SharedString) {
        self.first.describe_counter(key, unit, help);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, help: SharedString) {
        self.first.describe_gauge(key, unit, help);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, help: SharedString) {
        self.first.describe_histogram(key, unit, help);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.made(|made| {
            let known = made.counters.get(key).cloned();
            known.unwrap_or_else(|| {
                let both = BothCounters {
                    first: self.first.register_counter(key, metadata),
                    counter: self.meter.u64_counter(key.name().to_owned()).build(),
                    attributes: attributes(key),
                    told: AtomicU64::new(0),
                };
                let counter = Counter::from_arc(Arc::new(both));
                made.counters.insert(key.clone(), counter.clone());
                counter
            })
        })
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.made(|made| {
            let known = made.gauges.get(key).cloned();
            known.unwrap_or_else(|| {
                let both = BothGauges {
                    first: self.first.register_gauge(key, metadata),
                    gauge: self.meter.f64_gauge(key.name().to_owned()).build(),
                    attributes: attributes(key),
                    value: Mutex::new(0.0),
                };
                let gauge = Gauge::from_arc(Arc::new(both));
                made.gauges.insert(key.clone(), gauge.clone());
                gauge
            })
        })
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.made(|made| {
            let known = made.histograms.get(key).cloned();
            known.unwrap_or_else(|| {
                let histogram = self.meter.f64_histogram(key.name().to_owned());
                let both = BothHistograms {
                    first: self.first.register_histogram(key, metadata),
                    histogram: histogram
                        .with_boundaries((self.buckets)(key.name()).to_vec())
                        .build(),
                    attributes: attributes(key),
                };
                let histogram = Histogram::from_arc(Arc::new(both));
                made.histograms.insert(key.clone(), histogram.clone());
                histogram
            })
        })
    }
}

struct BothCounters {
    first: Counter,
    counter: opentelemetry::metrics::Counter<u64>,
    attributes: Vec<KeyValue>,
    told: AtomicU64,
}

impl CounterFn for BothCounters {
    fn increment(&self, value: u64) {
        self.first.increment(value);
        self.told.fetch_add(value, Ordering::Relaxed);
        self.counter.add(value, &self.attributes);
    }

    fn absolute(&self, value: u64) {
        self.first.absolute(value);
        let told = self.told.fetch_max(value, Ordering::Relaxed);
        self.counter
            .add(value.saturating_sub(told), &self.attributes);
    }
}

struct BothGauges {
    first: Gauge,
    gauge: opentelemetry::metrics::Gauge<f64>,
    attributes: Vec<KeyValue>,
    value: Mutex<f64>,
}

impl BothGauges {
    fn change(&self, to: impl FnOnce(f64) -> f64) {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        *value = to(*value);
        self.gauge.record(*value, &self.attributes);
    }
}

impl GaugeFn for BothGauges {
    fn increment(&self, change: f64) {
        self.first.increment(change);
        self.change(|value| value + change);
    }

    fn decrement(&self, change: f64) {
        self.first.decrement(change);
        self.change(|value| value - change);
    }

    fn set(&self, to: f64) {
        self.first.set(to);
        self.change(|_| to);
    }
}

struct BothHistograms {
    first: Histogram,
    histogram: opentelemetry::metrics::Histogram<f64>,
    attributes: Vec<KeyValue>,
}

impl HistogramFn for BothHistograms {
    fn record(&self, value: f64) {
        self.first.record(value);
        self.histogram.record(value, &self.attributes);
    }
}
