//! A histogram of atomic numbers: no lock, no allocation.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Counts values by size. Clones share the counts.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    /// Upper bounds in whole units, ascending.
    bounds: &'static [u64],
    /// One more than the bounds: the last is for what exceeds them all.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    /// Values are written divided by this: microseconds become seconds.
    divisor: f64,
}

impl Histogram {
    /// Of whole units, written as they are.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        Self::scaled(bounds, 1.0)
    }

    /// Of whole units, written divided by `divisor`.
    #[must_use]
    pub fn scaled(bounds: &'static [u64], divisor: f64) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Counts { bounds, buckets, sum: AtomicU64::new(0), divisor }))
    }

    /// Counts a value in whole units.
    pub fn observe(&self, value: u64) {
        let index = self.0.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.0.buckets.get(index) {
            bucket.fetch_add(1, Relaxed);
        }
        self.0.sum.fetch_add(value, Relaxed);
    }
}

#[expect(clippy::cast_precision_loss, reason = "the text format has floating-point sums")]
impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let counts = &self.0;
        let bounds = counts.bounds.iter().map(|bound| *bound as f64 / counts.divisor).chain([f64::MAX]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts.buckets.iter().map(|bucket| bucket.load(Relaxed))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = counts.sum.load(Relaxed) as f64 / counts.divisor;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}
