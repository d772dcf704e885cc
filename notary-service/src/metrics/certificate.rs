//! The certificate of a listener: until when it is good, and how often a new one was taken or refused.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::listen::Tls;

/// Figures of a listener's TLS, read when they are asked for. Register it under the program's prefix:
/// `notary_server_certificate_expiry_timestamp_seconds`.
#[derive(Debug)]
pub struct Certificate(pub Tls);

impl Collector for Certificate {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let gauges = [
            ("certificate_expiry_timestamp_seconds", "When the certificate in force ends", self.0.expiry()),
            (
                "client_ca_expiry_timestamp_seconds",
                "When the last authority for client certificates ends",
                self.0.client_ca_expiry(),
            ),
        ];
        for (name, help, value) in gauges {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let counters = [
            ("certificate_reloads", "New TLS files taken into use", self.0.reloads()),
            ("certificate_reload_failures", "New TLS files that could not be used", self.0.failures()),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}
