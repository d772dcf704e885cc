//! The server: connection, certificate, clock.

use chrono::{DateTime, TimeDelta, Utc};
use libtrust::client::{Clock as _, ServerProbe, SystemClock};
use libtrust::names::ImageReference;

use super::{Finding, State};
use crate::failure::Failure;
use crate::session::Session;

/// Below this a certificate is said to end soon.
const SOON: TimeDelta = TimeDelta::days(30);
/// Clocks that differ by less do no harm.
const SKEW: TimeDelta = TimeDelta::minutes(2);

/// The server that would be asked; none if neither an image nor a setting names one.
pub fn asked(image: Option<&ImageReference>, session: &Session) -> Option<Result<String, Failure>> {
    let settings = session.settings();
    match (image, &settings.server) {
        (Some(image), _) => Some(settings.server_of(image.registry()).map(|url| url.to_string())),
        (None, Some(server)) => Some(Ok(server.to_string())),
        (None, None) => None,
    }
}

/// Looks at a server.
pub fn look(url: &str, session: &Session) -> Vec<Finding> {
    let transport = match session.http_transport(url) {
        Ok(transport) => transport,
        Err(failure) => return vec![Finding::failed("server", &failure)],
    };
    match session.wait(transport.probe()) {
        Ok(probe) => judge(url, &probe, SystemClock.now()),
        Err(error) => vec![Finding::failed("server", &error.into())],
    }
}

fn judge(url: &str, probe: &ServerProbe, now: DateTime<Utc>) -> Vec<Finding> {
    let mut findings = vec![match probe.status {
        200 => Finding::ok("server", format!("{url} answers")),
        401 => Finding::ok("server", format!("{url} answers, and wants a login")),
        status => Finding::new("server", State::Failed, format!("{url} answers {status} to /v2/"))
            .hint("this may be no trust server: check --server and what stands in between"),
    }];
    if let Some(end) = probe.certificate_end {
        let until = format!("the server's certificate is trusted, and good until {}", end.format("%F"));
        findings.push(match end - now < SOON {
            true => Finding::new("tls", State::Warning, until).hint("tell whoever runs the server"),
            false => Finding::ok("tls", until),
        });
    } else {
        findings.push(Finding::new("tls", State::Warning, "the connection has no TLS; it is to this machine"));
    }
    if let Some(date) = probe.date {
        let skew = (now - date).abs();
        let seconds = skew.num_seconds();
        findings.push(match skew > SKEW {
            true => Finding::new(
                "clock",
                State::Failed,
                format!("clock here and clock of the server differ by {seconds} s"),
            )
            .hint("set the clock (NTP): expired metadata could pass for valid, and valid for expired"),
            false => Finding::ok("clock", "clock here and clock of the server agree"),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_an_ending_certificate_and_a_stranger_are_told() {
        let now = SystemClock.now();
        let probe = |status, skew, end| {
            let probe = ServerProbe {
                status,
                date: Some(now + TimeDelta::minutes(skew)),
                certificate_end: Some(now + TimeDelta::days(end)),
            };
            judge("https://x", &probe, now).into_iter().map(|finding| finding.state).collect::<Vec<_>>()
        };
        assert_eq!(probe(200, 1, 90), [State::Ok, State::Ok, State::Ok]);
        assert_eq!(probe(401, -3, 90), [State::Ok, State::Ok, State::Failed]);
        assert_eq!(probe(404, 3, 3), [State::Failed, State::Warning, State::Failed]);
    }
}
